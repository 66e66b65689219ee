// Package cron reads cron triggers as Cloudflare writes them and says when
// they fire. It is the host's own reading, which an SDK may not import, so
// that a test world fires at the minutes of the real one.
package cron
