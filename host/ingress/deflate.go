package ingress

import "strings"

// deflateAnswer accepts an offer of permessage-deflate (RFC 7692). Without
// context takeover a compressed message is the same for every client.
const deflateAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// offersDeflate says whether one of a client's offers can be accepted with
// deflateAnswer: its parameters are known, and it wants no smaller window of
// the server, which has but one.
func offersDeflate(extensions string) bool {
	for offer := range strings.SplitSeq(extensions, ",") {
		name, params, _ := strings.Cut(offer, ";")
		if strings.EqualFold(strings.TrimSpace(name), "permessage-deflate") && acceptable(params) {
			return true
		}
	}
	return false
}

// windowBits are the values of a window parameter.
const windowBits = " 8 9 10 11 12 13 14 15 "

func acceptable(params string) bool {
	seen := map[string]bool{}
	for param := range strings.SplitSeq(params, ";") {
		if params == "" {
			return true
		}
		name, value, valued := strings.Cut(strings.TrimSpace(param), "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		name = strings.ToLower(strings.TrimSpace(name))
		ok := false
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			ok = !valued
		case "server_max_window_bits":
			ok = value == "15"
		case "client_max_window_bits":
			ok = !valued || value != "" && strings.Contains(windowBits, " "+value+" ")
		}
		if !ok || seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}
