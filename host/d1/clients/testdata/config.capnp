using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .app),
    (name = "d1", external = (address = "HOST", http = (injectRequestHeaders = [(name = "authorization", value = "Bearer TOKEN")], style = host))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const app :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs"), (name = "./tell.mjs", esModule = embed "tell.mjs")],
  compatibilityDate = "2026-04-07",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [
    (name = "DB", wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [(name = "fetcher", service = "d1")])),
  ],
);
