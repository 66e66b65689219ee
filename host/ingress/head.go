package ingress

import (
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// head is what ingress itself needs of a request's headers.
type head struct {
	headers []abi.Header // all that the target gets

	host           string
	contentLength  bool
	coding         string // Transfer-Encoding
	upgrade        string
	upgradeNamed   bool // Connection names upgrade
	socketKey      string
	socketVersion  string
	extensions     string // Sec-WebSocket-Extensions, all lines of it
	traceparent    string
	forwardedFor   string
	forwardedProto string
}

// readHead splits a header block. It takes only what every parser reads the
// same way: no bare line feeds, no folded lines, no spaces in names.
func readHead(block string) (h head, fault string) {
	h.headers = make([]abi.Header, 0, strings.Count(block, "\n"))
	for block != "" {
		end := strings.IndexByte(block, '\n')
		if end < 1 || block[end-1] != '\r' {
			return h, "header line does not end in CR LF"
		}
		line := block[:end-1]
		block = block[end+1:]
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !tokenOK(name) {
			return h, "bad header name"
		}
		value = strings.Trim(value, " \t")
		if !valueOK(value) {
			return h, "bad header value"
		}
		if h.note(name, value) {
			h.headers = append(h.headers, abi.Header{Name: name, Value: value})
		}
	}
	if h.coding != "" && (h.contentLength || !strings.EqualFold(h.coding, "chunked")) {
		return h, "bad Transfer-Encoding"
	}
	return h, ""
}

// note keeps what ingress needs. It returns false for a header that describes
// a framing which the target does not see.
func (h *head) note(name, value string) bool {
	switch len(name) {
	case len("Host"):
		if strings.EqualFold(name, "Host") {
			h.host = value
		}
	case len("Expect"):
		return !strings.EqualFold(name, "Expect")
	case len("Upgrade"):
		if strings.EqualFold(name, "Upgrade") {
			h.upgrade = value
		}
	case len("Connection"):
		if strings.EqualFold(name, "Connection") {
			h.upgradeNamed = h.upgradeNamed || listHolds(value, "upgrade")
		}
	case len("Traceparent"):
		if strings.EqualFold(name, "Traceparent") {
			h.traceparent = value
		}
	case len("Content-Length"):
		h.contentLength = h.contentLength || strings.EqualFold(name, "Content-Length")
	case len("X-Forwarded-For"):
		if strings.EqualFold(name, "X-Forwarded-For") {
			h.forwardedFor = strings.TrimPrefix(h.forwardedFor+","+value, ",")
		}
	case len("Transfer-Encoding"):
		return h.note17(name, value)
	case len("Sec-WebSocket-Extensions"):
		if strings.EqualFold(name, "Sec-WebSocket-Extensions") {
			h.extensions = strings.TrimPrefix(h.extensions+","+value, ",")
		}
	case len("Sec-WebSocket-Version"):
		if strings.EqualFold(name, "Sec-WebSocket-Version") {
			h.socketVersion = value
		}
	}
	return true
}

// note17 is note for names of 17 bytes.
func (h *head) note17(name, value string) bool {
	switch {
	case strings.EqualFold(name, "Transfer-Encoding"):
		h.coding = value
		return false
	case strings.EqualFold(name, "Sec-WebSocket-Key"):
		h.socketKey = value
	case strings.EqualFold(name, "X-Forwarded-Proto"):
		h.forwardedProto = value
	}
	return true
}

// listHolds says whether a comma-separated list holds token.
func listHolds(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}
