// Package checksum has the formulas of benchmarks/src/lib.rs, and writes the checksum of what a pipeline has made.
package checksum

import (
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/textio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
)

// Golden is the fractional part of the golden ratio, in 64 bits.
const Golden uint64 = 0x9E3779B97F4A7C15

// Mix makes a well mixed number of each number.
func Mix(n uint64) uint64 {
	z := n + Golden
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return z ^ (z >> 31)
}

// Skewed makes a number below 2^20 of a mixed one.
func Skewed(mixed uint64) uint64 {
	octave := ((mixed & 0xFFFF) * 20) >> 16
	return (1 << octave) | ((mixed >> 16) & ((1 << octave) - 1))
}

// Sum is what some results have come to.
type Sum struct {
	Count, Sum int64
}

type combine struct{}

func (combine) CreateAccumulator() Sum { return Sum{} }

func (combine) AddInput(sum Sum, result int64) Sum { return Sum{sum.Count + 1, sum.Sum + result} }

func (combine) MergeAccumulators(a, b Sum) Sum { return Sum{a.Count + b.Count, a.Sum + b.Sum} }

func (combine) ExtractOutput(sum Sum) string { return fmt.Sprintf("%d %016x", sum.Count, uint64(sum.Sum)) }

func init() {
	register.Combiner3[Sum, int64, string](&combine{})
}

// Write writes a file with one line: how many results there are, and their checksum.
func Write(s beam.Scope, output string, results beam.PCollection) {
	textio.Write(s, output, beam.Combine(s, &combine{}, results))
}
