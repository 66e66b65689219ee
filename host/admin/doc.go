// Package admin is the operator's address: health, metrics, and the JSON API
// over apps, namespaces, objects, alarms, crons, the clock and D1. It owns
// who may ask and the shapes of the answers. It refuses to be public: off
// loopback it demands a token, and a browser page of another origin gets
// nothing.
package admin
