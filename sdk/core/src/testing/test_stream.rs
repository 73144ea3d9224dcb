//! A source that does what a script says.

use crate::coder::{self, Coder, CoderError};
use crate::dofn::erased::MAIN;
use crate::graph::{Spec, StepCode};
use crate::time::Timestamp;
use crate::windowing::WindowingStrategy;
use crate::{Element, PCollection, Root};
use bytes::Bytes;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::pipeline::test_stream_payload::event::{
    AddElements, AdvanceProcessingTime, AdvanceWatermark, Event,
};
use ferrobeam_model::urns;
use prost::Message;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// One step of a script, for runners. Each happens when nothing else is left to do.
#[derive(Clone, Debug, PartialEq)]
pub enum TestStreamEvent {
    /// Elements come, in their nested encoding.
    Elements(Vec<(Bytes, Timestamp)>),
    /// The watermark of the stream moves to here.
    Watermark(Timestamp),
    /// So much processing time passes.
    ProcessingTime(Duration),
}

/// The script of an unbounded source: which elements come when, and how the watermark and processing time move on.
///
/// Each step of the script happens when the pipeline has nothing else left to do. So what a pipeline makes of late
/// elements, of triggers and of timers can be tested to the millisecond, without a clock. The stream begins with its
/// watermark at the beginning of time; its watermark is at the end of time when the script is over, whether it says so or
/// not. [`Root::test_stream`] adds it to a pipeline.
///
/// ```
/// use ferrobeam_core::{prelude::*, testing::*, time::*};
/// let at = |second| Timestamp::EPOCH + seconds(second);
/// let script = TestStream::new()
///     .add_elements([("a".to_owned(), at(1)), ("b".to_owned(), at(2))])
///     .advance_watermark_to(at(10))
///     .add_elements([("late".to_owned(), at(3))])
///     .advance_processing_time(minutes(1))
///     .advance_watermark_to_infinity();
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let words = root.test_stream(script).window(FixedWindows::of(seconds(10)));
/// assert_that(&words.count_per_element()).contains_in_any_order([("a".to_owned(), 1), ("b".to_owned(), 1)]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
///
/// A step that makes no sense (the watermark goes back, an element comes after the end of time) is a mistake in the pipeline
/// that is told, with file and line, when it is built.
#[derive(Clone, Debug)]
#[must_use = "a script does nothing until `root.test_stream(..)` adds it to a pipeline"]
pub struct TestStream<T> {
    watermark: Timestamp,
    events: Vec<TestStreamEvent>,
    /// The same for engines, which want elements in the outer encoding.
    protos: Vec<Event>,
    mistakes: Vec<(&'static Location<'static>, String)>,
    of: PhantomData<fn(T)>,
}

impl<T: Element> Default for TestStream<T> {
    fn default() -> Self {
        TestStream::new()
    }
}

impl<T: Element> TestStream<T> {
    /// A script in which nothing happens.
    pub fn new() -> Self {
        TestStream {
            watermark: Timestamp::MIN,
            events: Vec::new(),
            protos: Vec::new(),
            mistakes: Vec::new(),
            of: PhantomData,
        }
    }

    /// Elements come, each with its timestamp, in the global window. They come together and in no particular order.
    ///
    /// None may come when the watermark is at infinity, nor with a timestamp beyond the end of the global window.
    #[track_caller]
    pub fn add_elements(mut self, elements: impl IntoIterator<Item = (T, Timestamp)>) -> Self {
        let (at, coder) = (Location::caller(), coder::of::<T>());
        let (mut nested, mut outer) = (Vec::new(), Vec::new());
        for (element, timestamp) in elements {
            if timestamp > Timestamp::END_OF_GLOBAL_WINDOW {
                self.mistakes.push((at, format!("an element is at {timestamp}, behind the global window")));
            }
            match encoded(&coder, &element) {
                Ok((in_nested, encoded_element)) => {
                    nested.push((in_nested, timestamp));
                    outer.push(pb::test_stream_payload::TimestampedElement {
                        encoded_element,
                        timestamp: timestamp.millis(),
                    });
                }
                Err(error) => self.mistakes.push((at, format!("an element of the test stream: {error}"))),
            }
        }
        if self.is_over() && !nested.is_empty() {
            self.mistakes.push((at, "an element comes when the watermark is at infinity".to_owned()));
        }
        let proto = Event::ElementEvent(AddElements { elements: outer, tag: MAIN.to_owned() });
        self.happens(TestStreamEvent::Elements(nested), proto)
    }

    /// The watermark moves to here: nothing with an earlier timestamp will come but late elements.
    ///
    /// It may not go back.
    #[track_caller]
    pub fn advance_watermark_to(mut self, watermark: Timestamp) -> Self {
        if watermark < self.watermark {
            let text = format!("the watermark goes back from {} to {watermark}", self.watermark);
            self.mistakes.push((Location::caller(), text));
        }
        self.watermark = watermark;
        let proto = AdvanceWatermark { new_watermark: watermark.millis(), tag: MAIN.to_owned() };
        self.happens(TestStreamEvent::Watermark(watermark), Event::WatermarkEvent(proto))
    }

    /// The watermark moves to the end of time: nothing more will come.
    #[track_caller]
    pub fn advance_watermark_to_infinity(self) -> Self {
        self.advance_watermark_to(Timestamp::MAX)
    }

    /// So much processing time passes, in whole milliseconds; for all of the pipeline.
    ///
    /// It must be at least one millisecond.
    #[track_caller]
    pub fn advance_processing_time(mut self, length: Duration) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        if millis == 0 {
            let text = format!("processing time advances by {length:?}, which is less than a millisecond");
            self.mistakes.push((Location::caller(), text));
        }
        let event = TestStreamEvent::ProcessingTime(Duration::from_millis(millis.unsigned_abs()));
        self.happens(event, Event::ProcessingTimeEvent(AdvanceProcessingTime { advance_duration: millis }))
    }

    fn is_over(&self) -> bool {
        self.watermark == Timestamp::MAX
    }

    fn happens(mut self, event: TestStreamEvent, proto: Event) -> Self {
        self.events.push(event);
        self.protos.push(proto);
        self
    }
}

fn encoded<T>(coder: &impl Coder<T>, element: &T) -> Result<(Bytes, Bytes), CoderError> {
    let (mut nested, mut outer) = (Vec::new(), Vec::new());
    coder.encode(element, &mut nested)?;
    coder.encode_outer(element, &mut outer)?;
    Ok((nested.into(), outer.into()))
}

impl Root {
    /// The elements of a script, as an unbounded collection in the global window.
    ///
    /// A pipeline may have several. The steps of each happen in its own order; processing time is that of the pipeline, and
    /// each script moves it on.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, testing::*, time::*};
    /// # ferrobeam_direct::DirectRunner::new().run(|root| {
    /// let at = Timestamp::from_millis;
    /// let script = TestStream::new().add_elements([(3u64, at(5)), (4, at(7))]).advance_watermark_to(at(10));
    /// let sums = root.test_stream(script).window(FixedWindows::of(millis(10))).sum_globally();
    /// assert_that(&sums).is_singleton(7);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn test_stream<T: Element>(&self, script: TestStream<T>) -> PCollection<T> {
        let script = if script.is_over() { script } else { script.advance_watermark_to_infinity() };
        let events = script.protos.into_iter().map(|event| pb::test_stream_payload::Event { event: Some(event) });
        let payload =
            pb::TestStreamPayload { coder_id: self.coder_id::<T>(), events: events.collect(), ..Default::default() };
        let payload = Bytes::from(payload.encode_to_vec());
        let spec = Spec::Runner(Box::new(move |_| pb::FunctionSpec {
            urn: urns::transforms::TEST_STREAM.to_owned(),
            payload: payload.clone(),
        }));
        let code = StepCode::TestStream(Arc::from(script.events));
        let node = self.step("TestStream", spec, Vec::new(), Some(code), Location::caller());
        for (at, mistake) in &script.mistakes {
            self.mistake_about(at, format!("{mistake}, in the script of"), node);
        }
        self.output(node, None, WindowingStrategy::default(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::decode_all;
    use crate::graph::Graph;
    use crate::time::millis;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn script() -> TestStream<String> {
        TestStream::new()
            .add_elements([("a".to_owned(), at(3)), ("b".to_owned(), at(-1))])
            .advance_watermark_to(at(10))
            .advance_processing_time(Duration::from_micros(1999))
            .add_elements([])
    }

    fn built(script: TestStream<String>) -> crate::Result<Graph> {
        Root::build(|root| {
            root.test_stream(script).named("Script").discard();
            Ok(())
        })
    }

    #[test]
    fn runners_see_nested_elements_and_the_end() {
        let graph = built(script()).unwrap();
        let transform = graph.transform("transform-0").unwrap();
        let Some(StepCode::TestStream(events)) = graph.code(transform).unwrap() else { panic!("no script") };
        let nested = [("\x01a", 3), ("\x01b", -1)].map(|(bytes, millis)| (Bytes::from(bytes), at(millis)));
        assert_eq!(
            events[..],
            [
                TestStreamEvent::Elements(nested.to_vec()),
                TestStreamEvent::Watermark(at(10)),
                TestStreamEvent::ProcessingTime(millis(1)),
                TestStreamEvent::Elements(Vec::new()),
                TestStreamEvent::Watermark(Timestamp::MAX),
            ]
        );
    }

    #[test]
    fn engines_see_beams_payload() {
        let graph = built(script().advance_watermark_to_infinity()).unwrap();
        let transform = graph.transform("transform-0").unwrap();
        assert_eq!((transform.unique_name.as_str(), transform.environment_id.as_str()), ("Script", ""));
        let spec = transform.spec.as_ref().unwrap();
        assert_eq!(spec.urn, urns::transforms::TEST_STREAM);
        let payload = pb::TestStreamPayload::decode(&spec.payload[..]).unwrap();
        let collection = &graph.components().pcollections[&transform.outputs["out"]];
        assert_eq!(payload.coder_id, collection.coder_id);
        assert_eq!(collection.is_bounded, i32::from(pb::is_bounded::Enum::Unbounded));
        let events: Vec<Event> = payload.events.into_iter().map(|event| event.event.unwrap()).collect();
        let Event::ElementEvent(added) = &events[0] else { panic!("{events:?}") };
        let outer = |text: &'static str, timestamp| pb::test_stream_payload::TimestampedElement {
            encoded_element: Bytes::from(text),
            timestamp,
        };
        assert_eq!(added.elements, [outer("a", 3), outer("b", -1)], "without a length");
        let word: String = decode_all(&coder::of::<String>(), &added.elements[0].encoded_element).unwrap();
        assert_eq!(word, "a");
        // Beam's Python SDK takes events of outputs that there are, by name.
        let tag = || "out".to_owned();
        assert_eq!(added.tag, tag());
        let watermark = |new_watermark| Event::WatermarkEvent(AdvanceWatermark { new_watermark, tag: tag() });
        assert_eq!(events[1], watermark(10));
        assert_eq!(events[2], Event::ProcessingTimeEvent(AdvanceProcessingTime { advance_duration: 1 }));
        assert_eq!(events[4..], [watermark(Timestamp::MAX.millis())], "the end is said once");
    }

    #[test]
    fn the_script_is_part_of_the_pipeline() {
        let fingerprint = |script| built(script).unwrap().fingerprint();
        assert_eq!(fingerprint(script()), fingerprint(script()));
        assert_ne!(fingerprint(script()), fingerprint(script().advance_watermark_to(at(11))));
    }

    #[test]
    fn steps_that_make_no_sense_are_told_with_their_line() {
        const LINE: u32 = line!() + 2;
        let element = |at| [("x".to_owned(), at)];
        let script = TestStream::new()
            .advance_watermark_to(at(10))
            .advance_watermark_to(at(10))
            .advance_watermark_to(at(9))
            .add_elements(element(Timestamp::END_OF_GLOBAL_WINDOW))
            .add_elements(element(Timestamp::END_OF_GLOBAL_WINDOW + millis(1)))
            .advance_processing_time(Duration::from_micros(999))
            .advance_watermark_to_infinity()
            .add_elements([])
            .add_elements(element(at(1)));
        let text = built(script).err().unwrap().to_string();
        let told = [
            (3, "the watermark goes back from 1970-01-01T00:00:00.010Z to 1970-01-01T00:00:00.009Z"),
            (5, "an element is at 9223371950454776 ms, behind the global window"),
            (6, "processing time advances by 999µs, which is less than a millisecond"),
            (9, "an element comes when the watermark is at infinity"),
        ];
        for (line, mistake) in told {
            assert!(text.contains(&format!("test_stream.rs:{}: {mistake}", LINE + line)), "{text}");
        }
        assert_eq!(text.lines().count(), 1 + told.len(), "{text}");
    }
}
