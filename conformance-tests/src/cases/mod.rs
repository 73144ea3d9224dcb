//! The cases: one file per area of the model, after the areas of Beam's own suite; one table of all.

use crate::{Case, Profile};

mod prelude;

/// Declares the areas and the table of their cases; a case is of the core profile unless it says otherwise.
macro_rules! suite {
    ($($area:ident { $($case:ident $(: $profile:ident)?,)* })*) => {
        $(mod $area;)*

        /// All cases, by area.
        pub const CASES: &[Case] = &[$($(Case {
            name: concat!(stringify!($area), "::", stringify!($case)),
            profile: suite!(@profile $($profile)?),
            body: $area::$case,
        },)*)*];
    };
    (@profile) => { Profile::Core };
    (@profile $profile:ident) => { Profile::$profile };
}

suite! {
    assertions {
        a_wrong_element_fails,
        a_missing_element_fails,
        a_repeated_element_fails,
        an_element_once_too_few_fails,
        order_does_not_matter,
        nothing_is_checked_too,
        a_check_of_nothing_can_fail,
        empty_is_empty,
        something_is_not_empty,
        a_singleton_has_one_element,
        a_check_sees_every_element,
        one_wrong_among_many_fails,
        a_panic_in_a_check_fails,
    }
    create {
        every_element_comes_once,
        equal_elements_stay_apart,
        nothing_is_empty,
        an_impulse_is_one_element_at_the_beginning,
        created_elements_are_at_the_beginning,
        numbers_survive,
        text_and_bytes_survive,
        containers_survive,
        tuples_survive,
        times_survive,
    }
    par_do {
        calls_come_in_order,
        what_is_held_back_comes_at_the_end_of_the_bundle,
        the_end_of_a_bundle_chooses_its_time,
        additional_outputs_have_their_own_types,
        an_output_may_be_discarded,
        an_output_may_be_consumed_twice,
        an_undeclared_output_fails_the_step,
        an_output_may_have_a_later_time,
        an_output_before_its_input_fails,
        steps_keep_the_time,
        a_collection_feeds_many_steps,
        a_long_chain_runs,
    }
    failures {
        an_error_names_step_file_and_line,
        a_panic_names_step_file_and_line,
        a_panic_in_a_closure_names_its_own_line,
        an_error_behind_a_grouping_is_found,
        one_bad_element_is_enough,
        an_error_names_the_element: ElementInErrors,
        a_panic_names_the_element: ElementInErrors,
    }
    rows {
        rows_survive,
        opaque_types_survive,
        rows_are_keys,
        enums_are_keys,
        rows_are_accumulators,
        rows_are_side_inputs,
    }
    life_cycle {
        every_instance_is_set_up_once_and_torn_down: InProcess,
        every_instance_is_torn_down_after_a_failure: InProcess,
        an_instance_whose_setup_failed_is_torn_down: InProcess,
        a_panic_in_teardown_does_no_harm: InProcess,
    }
    map {
        map_replaces,
        map_changes_the_type,
        filter_keeps,
        flat_map_repeats_and_drops,
        flat_map_into_borrows,
        key_by_pairs,
        try_map_separates,
        try_map_of_only_errors,
    }
    group_by_key {
        values_meet_at_their_key,
        many_keys,
        a_hot_key,
        no_pairs_make_no_groups,
        equal_pairs_are_all_kept,
        values_can_be_read_again,
        keys_of_numbers,
        keys_of_text,
        keys_of_containers,
        keys_of_one_value,
        a_group_can_be_a_value,
        groups_of_groups,
        a_group_is_at_the_end_of_its_window,
        two_groupings_of_one_collection,
        an_unlawful_key_is_found: KeyLaw,
    }
    combine {
        sums_per_key,
        sums_globally,
        nothing_has_a_global_sum,
        nothing_has_no_sum_per_key,
        a_function_of_the_users,
        an_accumulator_larger_than_its_inputs,
        a_function_that_does_not_lift,
        a_hot_key,
        many_keys,
        combined_twice,
        a_panic_in_a_combine_names_the_step,
        a_panic_at_the_end_of_a_combine_names_the_key: ElementInErrors,
    }
    verbs {
        count_counts,
        sum_adds,
        mean_is_exact_for_integers,
        min_and_max_find_the_ends,
        nothing_has_no_extremes,
        top_lists_the_largest,
        quantiles_of_few_are_exact,
        distinct_keeps_one_of_each,
        latest_finds_the_newest,
        a_sample_is_some_of_them,
        to_list_lists_all,
        several_combines_in_one_pass,
        parts_of_pairs,
        partition_sends_each_to_one,
        a_partition_that_is_not_there_fails,
        with_timestamps_sets_the_time,
        with_timestamps_does_not_go_back,
    }
    co_group_by_key {
        both_sides_meet,
        a_key_may_be_on_one_side_only,
        a_side_may_be_empty,
        a_collection_with_itself,
        three_collections,
    }
    joins {
        inner_has_what_both_have,
        left_outer_keeps_the_left,
        right_outer_keeps_the_right,
        full_outer_keeps_both,
        with_nothing,
        with_itself,
    }
    flatten {
        several_become_one,
        one_stays_itself,
        the_same_twice_is_delivered_twice,
        an_empty_one_adds_nothing,
        nothing_stays_nothing,
        a_grouping_and_a_map,
        different_origins,
        branches_meet_again,
        flattened_again_and_again,
        the_time_is_kept,
        behind_it_is_a_grouping,
        a_chain_of_many_diamonds,
    }
    windows {
        fixed_windows_group_by_time,
        many_windows_at_once,
        sliding_windows_repeat_elements,
        an_element_may_be_in_very_many_windows,
        sliding_windows_with_gaps_sample,
        days_are_those_of_their_time_zone: CustomWindows,
        a_function_of_the_users: CustomWindows,
        a_function_sees_the_window_so_far: CustomWindows,
        a_function_that_is_wrong_fails_its_step: CustomWindows,
        time_stays_and_nothing_is_late,
        an_element_in_several_windows_is_several,
        a_grouping_keeps_the_windows,
        collections_of_equal_windows_become_one,
        a_window_without_elements_has_no_sum,
        a_side_input_is_seen_by_window,
        windows_reach_the_limits_of_time: CustomWindows,
    }
    rules {
        r1_late_is_not_droppable_exact_boundary: TestStream,
        r1_without_lateness_the_end_is_the_boundary: TestStream,
        r1_each_window_by_itself: TestStream,
        r1_before_merging: TestStream,
        r2_due_when_the_watermark_is_beyond: TestStream,
        r2_state_lives_until_the_window_closes: TestStream,
        r6_a_pane_has_the_combined_timestamp: TestStream,
        r6_behind_the_output_does_not_pull_it_back: TestStream,
        r6_a_late_pane_is_at_the_end_of_its_window: Triggers,
        r6_what_is_to_fire_holds_the_output: TestStream,
        r6_a_firing_releases: Triggers,
        r6_holds_combine_when_windows_merge: TestStream,
        r7_windows_that_touch_do_not_merge: TestStream,
        r7_counts_add: Triggers,
        r7_windows_that_are_gone_do_nothing: TestStream,
        r7_the_end_is_waited_for_again: Triggers,
        r7_the_earliest_deadline_wins: ProcessingTime,
        r7_finished_is_what_is_finished_in_all: Triggers,
        r8_a_finished_trigger_discards: Triggers,
        r8_a_tombstone_stays_until_the_window_closes: Triggers,
        r8_a_finished_session_takes_no_part_in_merges: Triggers,
        r8_repeatedly_resets_at_once: Triggers,
        r8_processing_time_counts_from_the_first_element_since: ProcessingTime,
        r9_the_pane_on_time_may_be_empty: Triggers,
        r9_only_a_key_with_an_element_has_panes: Triggers,
        r9_a_trigger_that_does_not_look_at_the_end_has_no_empty_pane: Triggers,
        r9_the_closing_pane_is_there_if_not_empty_or_asked_for: Triggers,
        r9_panes_are_counted_and_one_is_on_time: Triggers,
        r9_a_window_that_begins_late_has_no_pane_on_time: TestStream,
        r9_what_no_trigger_fired_comes_when_the_window_closes: Triggers,
        r10_counts_go_on_at_once: Triggers,
        r10_processing_time_is_not_waited_for_again: ProcessingTime,
        r10_composites_continue_part_by_part: Triggers,
        r10_sessions_are_merged_already: TestStream,
        r13_windows_close_though_incomplete: Triggers,
        r13_the_end_waits_for_holds: TestStream,
        r14_a_flatten_of_nothing_is_at_infinity: TestStream,
        r14_an_empty_source_is_at_infinity: TestStream,
        r14_a_flatten_is_the_minimum_of_its_inputs: TestStream,
        r14_the_same_twice_is_delivered_twice: TestStream,
        r14_windows_keep_time_and_pane_and_never_drop: TestStream,
        r14_reshuffle_keeps_time_windows_and_pane: TestStream,
        r15_the_input_is_the_minimum_of_all_producers: TestStream,
        r15_what_is_underway_holds: TestStream,
        r15_a_late_pane_is_late_behind: TestStream,
        r17_a_window_ends_a_millisecond_before_the_next: TestStream,
        r17_no_window_ends_behind_the_global_one: TestStream,
        r17_no_window_closes_behind_the_global_one: TestStream,
    }
    side_inputs {
        a_singleton_is_seen_by_every_element,
        an_empty_singleton_has_its_default,
        a_missing_singleton_fails,
        a_singleton_of_two_fails,
        nobody_looks_and_nothing_fails,
        an_iterable_has_all_elements,
        an_iterable_may_be_empty,
        a_map_is_looked_up,
        a_map_with_two_values_of_a_key_fails,
        a_multimap_has_all_values,
        several_at_once,
        the_same_view_twice,
        two_views_of_one_collection,
        a_collection_beside_itself,
        chained,
        one_for_two_steps,
        two_outputs_of_one_step,
        out_of_a_grouping,
        out_of_a_flatten,
        in_a_do_fn,
        any_number_of_outputs,
        an_undeclared_view_fails_the_step,
    }
    reshuffle {
        all_elements_stay,
        time_and_window_stay,
        nothing_stays_nothing,
        equal_elements_stay_apart,
        again_and_again,
    }
    metrics {
        a_counter_counts_every_element_once,
        a_counter_is_known_by_step,
        a_distribution_has_all_values,
        a_gauge_has_a_value,
        a_set_has_all_strings,
        metrics_in_closures_count,
        the_life_cycle_counts,
        combines_count,
    }
    composites {
        functions_and_structs,
        nested,
        a_composite_of_nothing,
        several_outputs,
        names_are_paths,
        names_of_the_users,
    }
    sources {
        every_part_is_read_once,
        a_reader_goes_on_where_it_stopped,
        runs_of_offsets,
        no_parts,
        empty_parts,
        times_of_the_source,
        a_restriction_of_the_users,
        read_twice,
        a_source_that_stops_early_fails,
        a_source_that_repeats_a_claim_fails,
        failures_of_a_source_name_it,
    }
    graph_errors {
        two_steps_of_one_name,
        an_empty_name,
        a_collection_of_another_pipeline,
        a_side_input_of_another_pipeline,
        an_output_that_nobody_consumes,
        an_undeclared_output,
        two_outputs_of_one_name,
        all_mistakes_are_told,
        an_error_of_the_function_is_kept,
    }
    retries {
        held_back_elements_count_once,
        groups_are_complete,
        side_inputs_are_complete,
        sources_count_once,
        results_do_not_depend_on_how_often: InProcess,
    }
    determinism {
        the_same_construction_is_the_same_graph,
        lines_do_not_count,
        names_count,
        order_counts,
        wiring_counts,
        a_graph_runs_twice,
    }
}
