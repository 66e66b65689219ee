package ingress

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkGet is a small GET over one connection, here and through fasthttp
// alone with the same timeouts; the difference is what ingress costs.
func BenchmarkGet(b *testing.B) {
	answer := ok("hello")
	b.Run("ingress", func(b *testing.B) {
		_, addr := startServer(b, Config{}, routes{"/plain": {serve: func(x *Exchange) { x.Respond(answer) }}})
		benchGet(b, addr)
	})
	b.Run("ingress, answered elsewhere", func(b *testing.B) {
		work := make(chan *Exchange)
		go func() {
			for x := range work {
				x.Respond(answer)
			}
		}()
		b.Cleanup(func() { close(work) })
		_, addr := startServer(b, Config{}, routes{"/plain": {serve: func(x *Exchange) { work <- x }}})
		benchGet(b, addr)
	})
	b.Run("fasthttp", func(b *testing.B) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		server := &fasthttp.Server{ReadTimeout: DefaultHeaderTimeout, IdleTimeout: DefaultIdleTimeout, WriteTimeout: DefaultWriteTimeout, Handler: func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("hello") }}
		go server.Serve(ln)
		b.Cleanup(func() { server.Shutdown() })
		benchGet(b, ln.Addr().String())
	})
}

func benchGet(b *testing.B, addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := []byte("GET /plain HTTP/1.1\r\nHost: 127.0.0.1:8787\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	in := bufio.NewReader(c)
	var response fasthttp.Response
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if err := response.Read(in); err != nil && err != io.EOF {
			b.Fatal(err)
		}
	}
}
