// Package cron reads cron triggers as Cloudflare writes them and says when
// they fire. It owns that reading, for the host and for worlds of tests alike,
// and refuses to know a clock, or who waits for one.
package cron
