// Adds up events by key and minute, as benchmarks/src/bin/windowed_sum.rs.
package main

import (
	"context"
	"flag"
	"log"
	"time"

	"ferrobeam.example/benchmarks/checksum"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/transforms/stats"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
)

var (
	all    = flag.Int64("events", 2_000_000, "How many events there are")
	output = flag.String("output", "", "Where the checksum goes")
)

const (
	part   = 10_000
	minute = 60_000
)

type events struct {
	All int64
}

func (e *events) ProcessElement(number int64, emit func(beam.EventTime, int64, int64)) {
	for i := number * part; i < min(e.All, (number+1)*part); i++ {
		mixed := checksum.Mix(0x222222222222 + uint64(i))
		key := (checksum.Skewed(mixed) * 0x9E3779B1) & 0xFFFFF
		value := int64((mixed>>36)&0x3FF) - 200
		millis := i*3_600_000/e.All - int64((mixed>>46)%5001)
		emit(mtime.FromMilliseconds(max(millis, 0)), int64(key), value)
	}
}

func check(w beam.Window, key, sum int64) int64 {
	number := int64(w.MaxTimestamp()) / minute
	return int64(checksum.Mix(uint64(key<<8|number)*checksum.Golden ^ uint64(sum)))
}

func init() {
	register.DoFn2x0[int64, func(beam.EventTime, int64, int64)](&events{})
	register.Function3x1(check)
	register.Emitter3[beam.EventTime, int64, int64]()
}

func main() {
	flag.Parse()
	beam.Init()
	p, s := beam.NewPipelineWithRoot()
	var numbers []int64
	for i := int64(0); i*part < *all; i++ {
		numbers = append(numbers, i)
	}
	parts := beam.Reshuffle(s, beam.CreateList(s, numbers))
	windowed := beam.WindowInto(s, window.NewFixedWindows(time.Minute), beam.ParDo(s, &events{All: *all}, parts))
	checks := beam.ParDo(s, check, stats.SumPerKey(s, windowed))
	checksum.Write(s, *output, beam.WindowInto(s, window.NewGlobalWindows(), checks))
	if err := beamx.Run(context.Background(), p); err != nil {
		log.Fatal(err)
	}
}
