package hostcall

import (
	"net"
	"testing"
)

func TestInner_KnowsWhatIsNotTheInternet(t *testing.T) {
	for ip, want := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "::1": true, "0.0.0.0": true, "::": true,
		"10.1.2.3": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.1.1": true, "fd00:ec2::254": true,
		"169.254.169.254": true, "fe80::1": true, "224.0.0.1": true, "ff02::1": true, "255.255.255.255": true,
		"100.64.0.1": true, "100.100.100.200": true, "100.127.255.255": true,
		"::ffff:127.0.0.1": true, "::ffff:10.0.0.1": true, "64:ff9b::7f00:1": true, "64:ff9b::a00:1": true, "0.1.2.3": true,
		"8.8.8.8": false, "172.32.0.1": false, "100.63.255.255": false, "100.128.0.1": false, "2606:4700::1111": false, "64:ff9b::808:808": false,
	} {
		if got := inner(net.ParseIP(ip)); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
}
