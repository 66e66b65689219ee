using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .app),
    (name = "objects", disk = (path = "data", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8797", http = (), service = "main")],
);

const app :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "2025-06-01",
  durableObjectNamespaces = [
    (className = "Counter", uniqueKey = "counter", enableSql = true),
    (className = "Room", uniqueKey = "room", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "COUNTER", durableObjectNamespace = "Counter"),
    (name = "ROOM", durableObjectNamespace = "Room"),
  ],
);
