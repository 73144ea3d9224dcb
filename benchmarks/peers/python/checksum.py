"""The formulas of benchmarks/src/lib.rs, and the checksum of what a pipeline has made."""

import apache_beam as beam

BITS = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(n):
    z = (n + GOLDEN) & BITS
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & BITS
    return z ^ (z >> 31)


def skewed(mixed):
    octave = ((mixed & 0xFFFF) * 20) >> 16
    return (1 << octave) | ((mixed >> 16) & ((1 << octave) - 1))


class Checksum(beam.CombineFn):
    def create_accumulator(self):
        return (0, 0)

    def add_input(self, accumulator, result):
        return (accumulator[0] + 1, (accumulator[1] + result) & BITS)

    def merge_accumulators(self, accumulators):
        accumulators = list(accumulators)
        return (sum(a[0] for a in accumulators), sum(a[1] for a in accumulators) & BITS)

    def extract_output(self, accumulator):
        return "%d %016x" % accumulator


def write(results, output):
    """Writes a file with one line: how many results there are, and their checksum."""
    line = results | beam.CombineGlobally(Checksum())
    return line | beam.io.WriteToText(output, shard_name_template="")
