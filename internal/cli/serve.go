package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/host/ingress"
)

// drainMax is how long a graceful stop may take.
const drainMax = 30 * time.Second

// serveFlags are the flags of dev and serve.
type serveFlags struct {
	addr, adminAddr, data, config, proxies, cert, key *string
	clock                                             clockFlag
	log                                               choice
	vars                                              pairs
}

func (f *flags) serve(dev bool) *serveFlags {
	s := &serveFlags{
		addr:      f.String("addr", ingress.DefaultAddr, "public address"),
		adminAddr: f.String("admin-addr", admin.DefaultAddr, "admin address, or off"),
		data:      f.String("data", host.DefaultData, "data directory"),
		config:    f.String("config", "", "host configuration, a JSONC file"),
		proxies:   f.String("trusted-proxies", "", "CIDRs whose X-Forwarded-For is believed, by commas"),
		cert:      f.String("tls-cert", "", "certificate, a PEM file"),
		key:       f.String("tls-key", "", "its key, a PEM file"),
		log:       choice{"text", []string{"text", "json"}},
	}
	if !dev {
		s.log.value = "json"
	}
	f.Var(&s.clock, "clock", "system, manual (dev), or the time at which a new manual clock stands")
	f.Var(&s.log, "log", "text or json")
	f.Var(&s.vars, "var", "KEY=VALUE for every guest, repeatable")
	return s
}

// settings makes the host's configuration.
func (s *serveFlags) settings(c *call, dirs []string, dev bool) (host.Config, error) {
	cfg := host.Config{
		Dirs: dirs, Addr: *s.addr, AdminAddr: *s.adminAddr, DataDir: *s.data, Vars: s.vars, Mode: host.ModeServe,
		Manual: s.clock.manual, ManualStart: s.clock.start, TLSCert: *s.cert, TLSKey: *s.key,
	}
	if dev {
		cfg.Mode, cfg.Watch = host.ModeDev, true
		cfg.KeyMade = func(k host.DevKey) {
			fmt.Fprintf(c.out, "key %-12s %s %s\n", k.App, k.Variable, k.Token)
		}
	}
	if cfg.Manual && !dev {
		return cfg, usage("--clock manual is for dev; serve runs on the system's clock")
	}
	if *s.proxies != "" {
		cfg.TrustedProxies = strings.Split(*s.proxies, ",")
	}
	for _, p := range cfg.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			return cfg, usage("--trusted-proxies: %q: expected a CIDR such as 10.0.0.0/8", p)
		}
	}
	cfg.CacheDir, _ = c.getenv("HOLDFAST_CACHE")
	opts := &slog.HandlerOptions{Level: slog.LevelInfo}
	cfg.Log = slog.New(slog.NewTextHandler(c.err, opts))
	if s.log.value == "json" {
		cfg.Log = slog.New(slog.NewJSONHandler(c.err, opts))
	}
	for name, addr := range map[string]string{"--addr": cfg.Addr, "--admin-addr": cfg.AdminAddr} {
		if addr == host.AdminOff && name == "--admin-addr" {
			continue
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return cfg, usage("%s: %q: expected HOST:PORT", name, addr)
		}
	}
	if (cfg.TLSCert == "") != (cfg.TLSKey == "") {
		return cfg, usage("--tls-cert and --tls-key: expected both or none")
	}
	if cfg.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey); err != nil {
			return cfg, usage("--tls-cert, --tls-key: %v", err)
		}
	}
	for _, d := range dirs {
		if st, err := os.Stat(d); err != nil || !st.IsDir() {
			return cfg, usage("%s: expected a directory", d)
		}
	}
	return cfg, readConfig(*s.config, &cfg)
}

// serve runs a host until a signal.
func serve(c *call, dev bool) error {
	f := c.flags()
	s := f.serve(dev)
	dirs, err := f.parse()
	if err != nil {
		return err
	}
	cfg, err := s.settings(c, dirs, dev)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	h, err := host.New(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it started
		}
		return err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- h.Serve(func() { announce(c, h) })
	}()
	select {
	case err := <-ended:
		return errors.Join(err, shutdown(h))
	case <-h.Broken():
		return errors.Join(errBroken, shutdown(h), <-ended)
	case <-ctx.Done():
	}
	stop() // a second signal ends the process at once
	err = shutdown(h)
	return errors.Join(err, <-ended)
}

// errBroken ends a host whose storage takes no more writes, so that its
// supervisor starts it again.
var errBroken = errors.New("storage takes no more writes; the host ends to be started again")

func shutdown(h *host.Host) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	return h.Shutdown(ctx)
}

// announce prints a line an app, and the ready line.
func announce(c *call, h *host.Host) {
	base := h.Scheme() + "://" + h.Addr()
	for _, a := range h.Apps() {
		for _, r := range a.Routes {
			url := base + strings.TrimSuffix(r, "*")
			if !strings.HasPrefix(r, "/") {
				url = h.Scheme() + "://" + strings.TrimSuffix(r, "*")
			}
			fmt.Fprintf(c.out, "app %-12s %s\n", a.Name, url)
			break
		}
	}
	if h.AdminAddr() != "" {
		fmt.Fprintf(c.out, "admin            http://%s/_holdfast/health\n", h.AdminAddr())
	}
	fmt.Fprintf(c.out, "ready %s\n", base)
}
