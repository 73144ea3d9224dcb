//! Event time from the data.

use crate::batch::{Batch, Collapsed};
use crate::dofn::batch_step::BatchStep;
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::{Element, PCollection};

impl<T: Element> PCollection<T> {
    /// Gives each element the timestamp that `time` finds in it; its windows stay as they are.
    ///
    /// A timestamp before the element's own fails the step, for the watermark may have passed it. Elements that come
    /// from bounded data without times are at the beginning of time, so for them there is none before.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let clicks = root.create([(1_500, 'a'), (2_000, 'b')]).with_timestamps(|(at, _)| Timestamp::from_millis(*at));
    /// assert_that(&clicks.latest_globally()).is_singleton((2_000, 'b'));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn with_timestamps(&self, time: impl Fn(&T) -> Timestamp + Send + Sync + 'static) -> PCollection<T> {
        self.step("WithTimestamps", BatchStep::new(move |batch| with_timestamps(batch, &time)))
    }
}

fn with_timestamps<T>(batch: Batch<T>, time: impl Fn(&T) -> Timestamp) -> Result<Batch<T>, BoxError> {
    let Batch { values, mut meta } = batch;
    let mut times = Collapsed::default();
    for (row, value) in values.iter().enumerate() {
        let (before, at) = (*meta.time.get(row), time(value));
        if at < before {
            return Err(format!("the timestamp {at} is before the element's own, {before}").into());
        }
        times.push(at, row);
    }
    meta.time = times.finish(Timestamp::MIN);
    Ok(Batch { values, meta })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Column;
    use crate::transforms::test_steps::{batch, plain, rows};

    #[test]
    fn times_come_from_the_elements() {
        let timed = with_timestamps(plain(vec![5, 7]), |x| Timestamp::from_millis(*x)).unwrap();
        assert_eq!(rows(&[timed]), [(5, 5), (7, 7)]);
        let agreeing = with_timestamps(plain(vec![5, 7]), |_| Timestamp::EPOCH).unwrap();
        assert_eq!(agreeing.meta.time, Column::All(Timestamp::EPOCH));
    }

    #[test]
    fn time_does_not_go_back() {
        let error = with_timestamps(batch([(4, 4), (5, 4)]), |x| Timestamp::from_millis(*x)).unwrap_err().to_string();
        let expected = "the timestamp 1970-01-01T00:00:00.004Z is before the element's own, 1970-01-01T00:00:00.005Z";
        assert_eq!(error, expected);
    }
}
