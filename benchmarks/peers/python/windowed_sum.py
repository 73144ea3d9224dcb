"""Adds up events by key and minute, as benchmarks/src/bin/windowed_sum.rs."""

import argparse

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows, GlobalWindows, TimestampedValue
from apache_beam.utils.timestamp import Timestamp

import checksum

PART = 10_000
MINUTE = 60_000


class Events(beam.DoFn):
    def __init__(self, count):
        self.count = count

    def process(self, part):
        for i in range(part * PART, min(self.count, (part + 1) * PART)):
            mixed = checksum.mix(0x222222222222 + i)
            key = (checksum.skewed(mixed) * 0x9E3779B1) & 0xFFFFF
            value = ((mixed >> 36) & 0x3FF) - 200
            millis = max(i * 3_600_000 // self.count - ((mixed >> 46) % 5001), 0)
            yield TimestampedValue((key, value), Timestamp(micros=1000 * millis))


class Check(beam.DoFn):
    def process(self, element, window=beam.DoFn.WindowParam):
        key, total = element
        number = window.max_timestamp().micros // 1000 // MINUTE
        yield checksum.mix((((key << 8 | number) * checksum.GOLDEN) & checksum.BITS) ^ (total & checksum.BITS))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--output")
    own, others = parser.parse_known_args()
    with beam.Pipeline(options=PipelineOptions(others)) as pipeline:
        parts = pipeline | beam.Create(range((own.events + PART - 1) // PART)) | beam.Reshuffle()
        events = parts | beam.ParDo(Events(own.events)) | beam.WindowInto(FixedWindows(MINUTE // 1000))
        checks = events | beam.CombinePerKey(sum) | beam.ParDo(Check())
        checksum.write(checks | "Global" >> beam.WindowInto(GlobalWindows()), own.output)


if __name__ == "__main__":
    main()
