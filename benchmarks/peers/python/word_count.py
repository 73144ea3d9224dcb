"""Counts the words of a text, as benchmarks/src/bin/word_count.rs."""

import argparse

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

import checksum


def check(word_and_count):
    word, count = word_and_count
    number = 0xCBF29CE484222325
    for byte in word.encode():
        number = ((number ^ byte) * 0x100000001B3) & checksum.BITS
    return checksum.mix((number + count * checksum.GOLDEN) & checksum.BITS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input")
    parser.add_argument("--output")
    own, others = parser.parse_known_args()
    with beam.Pipeline(options=PipelineOptions(others)) as pipeline:
        words = pipeline | beam.io.ReadFromText(own.input) | beam.FlatMap(str.split)
        checksum.write(words | beam.combiners.Count.PerElement() | beam.Map(check), own.output)


if __name__ == "__main__":
    main()
