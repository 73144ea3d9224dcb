//! Windows for the elements of a collection.

use crate::batch::Batch;
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::{FnRef, Spec, StepCode, StepName};
use crate::windowing::{CompleteWindowing, Trigger, WindowingStrategy, Windows, assign};
use crate::{Element, PCollection};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use prost::Message;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// Puts each element into windows by its timestamp, and says when the groupings behind emit what.
    ///
    /// Elements keep their timestamp and pane. None is dropped for being late here; one whose timestamp is in no window
    /// (windows with gaps between them) does not go on. An element in several windows counts as several, so each of them
    /// gets windows anew.
    ///
    /// ```
    /// use ferrobeam_core::{prelude::*, time::*};
    /// Root::build(|root| {
    ///     let counts = root
    ///         .create([("a".to_owned(), 1u64)])
    ///         .window(FixedWindows::of(minutes(1)).allowed_lateness(hours(1)))
    ///         .combine_per_key(sum());
    ///     counts
    ///         .window(
    ///             Sessions::with_gap(minutes(10))
    ///                 .trigger(AfterWatermark::new().late(after_count(1)))
    ///                 .accumulating()
    ///                 .allowed_lateness(hours(1)),
    ///         )
    ///         .group_by_key()
    ///         .discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn window(&self, windowing: impl CompleteWindowing) -> PCollection<T> {
        let at = Location::caller();
        let (strategy, mistakes) = windowing.strategy();
        mistakes.iter().for_each(|mistake| self.root.mistake(at, mistake));
        self.window_step("Window", strategy)
    }

    /// The collection in the global window, for a grouping of all of it that emits once, at the end.
    #[track_caller]
    pub(crate) fn in_one_window(&self) -> PCollection<T> {
        let trigger = if self.root.is_bounded(self.id) { Trigger::Default } else { Trigger::Never };
        let strategy = WindowingStrategy { trigger, ..WindowingStrategy::default() };
        if *self.root.windowing(self.id) == strategy { self.clone() } else { self.window_step("Rewindow", strategy) }
    }

    /// Beam's primitive.
    #[track_caller]
    pub(crate) fn window_step(&self, verb: &str, strategy: WindowingStrategy) -> PCollection<T> {
        let (root, windows) = (&self.root, strategy.windows.clone());
        let step = WindowStep { windows: windows.clone(), of: PhantomData::<fn(T)> };
        let spec = Spec::Sdk(Box::new(move |reference: &FnRef| {
            let payload = pb::WindowIntoPayload { window_fn: Some(windows.to_proto(reference)) };
            let urn = urns::transforms::ASSIGN_WINDOWS.to_owned();
            pb::FunctionSpec { urn, payload: payload.encode_to_vec().into() }
        }));
        let code = Some(StepCode::Step(Arc::new(step)));
        let node = root.step(verb, spec, vec![self.input("in")], code, Location::caller());
        root.output(node, None, strategy, root.is_bounded(self.id))
    }
}

/// A step of its own kind because a row in many windows makes many batches.
struct WindowStep<T> {
    windows: Windows,
    of: PhantomData<fn(T)>,
}

impl<T: Element> AnyStep for WindowStep<T> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        let (step, windows, next) = (wiring.step.clone(), self.windows.clone(), wiring.outputs.take::<T>(MAIN)?);
        Ok(AnyReceiver::new(WindowOperator { step, windows, next }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct WindowOperator<T> {
    step: StepName,
    windows: Windows,
    next: Next<T>,
}

impl<T: Element> Receiver<T> for WindowOperator<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        let WindowOperator { step, windows, next } = self;
        batch.explode(|batch| {
            let batch = guard(step, || assign(windows, batch))?;
            if batch.values.is_empty() { Ok(()) } else { next.receive(batch) }
        })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}
