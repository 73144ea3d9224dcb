// Counts the words of a text, as benchmarks/src/bin/word_count.rs.
package main

import (
	"context"
	"flag"
	"log"
	"strings"

	"ferrobeam.example/benchmarks/checksum"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/textio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/transforms/stats"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
)

var (
	input  = flag.String("input", "", "A text file")
	output = flag.String("output", "", "Where the checksum goes")
)

func split(line string, emit func(string)) {
	for _, word := range strings.Fields(line) {
		emit(word)
	}
}

func check(word string, count int) int64 {
	hash := uint64(0xcbf29ce484222325)
	for _, b := range []byte(word) {
		hash = (hash ^ uint64(b)) * 0x100000001b3
	}
	return int64(checksum.Mix(hash + uint64(count)*checksum.Golden))
}

func init() {
	register.Function2x0(split)
	register.Function2x1(check)
	register.Emitter1[string]()
}

func main() {
	flag.Parse()
	beam.Init()
	p, s := beam.NewPipelineWithRoot()
	words := beam.ParDo(s, split, textio.Read(s, *input))
	checksum.Write(s, *output, beam.ParDo(s, check, stats.Count(s, words)))
	if err := beamx.Run(context.Background(), p); err != nil {
		log.Fatal(err)
	}
}
