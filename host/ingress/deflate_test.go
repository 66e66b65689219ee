package ingress

import (
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func TestOffersDeflate(t *testing.T) {
	for extensions, want := range map[string]bool{
		"permessage-deflate":                           true,
		"permessage-deflate; client_max_window_bits":   true,
		"Permessage-Deflate;client_max_window_bits=10": true,
		`permessage-deflate; client_max_window_bits="15"; server_no_context_takeover; client_no_context_takeover`: true,
		"x-other; a=b, permessage-deflate; server_max_window_bits=10, permessage-deflate":                         true,
		"permessage-deflate; server_max_window_bits=15":                                                           true,
		"":                 false,
		"x-webkit-deflate": false,
		"permessage-deflate; server_max_window_bits=10":                              false,
		"permessage-deflate; server_max_window_bits":                                 false,
		"permessage-deflate; client_max_window_bits=7":                               false,
		"permessage-deflate; client_max_window_bits=":                                false,
		"permessage-deflate; server_no_context_takeover=1":                           false,
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": false,
		"permessage-deflate; unknown":                                                false,
	} {
		if got := offersDeflate(extensions); got != want {
			t.Errorf("%q: %v, want %v", extensions, got, want)
		}
	}
}

func TestUpgrade_CompressesWhereAppAndClientWantIt(t *testing.T) {
	for name, test := range map[string]struct{ app, client, want bool }{
		"both":        {true, true, true},
		"app only":    {true, false, false},
		"client only": {false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := startServer(t, Config{}, routes{"/ws": {serve: func(x *Exchange) {
				if test.app {
					x.Compress()
				}
				x.Upgrade.SetEvents(upgraded{make(chan int, 1)})
				x.Respond(&abi.Response{Status: 101, Headers: []abi.Header{{Name: "Sec-WebSocket-Extensions", Value: "a-guest-has-no-say"}}})
			}}})
			dialer := websocket.Dialer{EnableCompression: test.client}
			c, response, err := dialer.Dial("ws://"+addr+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			want := ""
			if test.want {
				want = deflateAnswer
			}
			if got := response.Header.Get("Sec-WebSocket-Extensions"); got != want {
				t.Errorf("extensions are %q, want %q", got, want)
			}
			for _, message := range []string{"short", strings.Repeat("long enough ", 10_000)} {
				c.WriteMessage(websocket.TextMessage, []byte(message))
				if _, got, err := c.ReadMessage(); err != nil || string(got) != message {
					t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(message))
				}
			}
		})
	}
}
