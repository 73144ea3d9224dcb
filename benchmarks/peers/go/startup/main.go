// Tells how long it takes from main to the first bundle, as benchmarks/src/bin/startup.rs.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
)

var start time.Time

func first(_ []byte, _ func(int64)) {
	fmt.Println(time.Since(start).Microseconds())
}

func init() {
	register.Function2x0(first)
	register.Emitter1[int64]()
}

func main() {
	start = time.Now()
	flag.Parse()
	beam.Init()
	p, s := beam.NewPipelineWithRoot()
	beam.ParDo(s, first, beam.Impulse(s))
	if err := beamx.Run(context.Background(), p); err != nil {
		log.Fatal(err)
	}
}
