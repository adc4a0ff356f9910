-- config/tidemill.lua: the settings of the server. `tidemill serve --listen … --data …` override
-- the first two.

return {
  -- Address and port. Behind a proxy, keep the loopback and let the proxy face the world.
  listen = "127.0.0.1:8080",

  -- The folder of the database and the keys, beside where the server is started. Made when it is
  -- not there.
  data = "data",

  -- The name of the company that this installation serves. For several, each by its host name, see
  -- `tenants` in docs/administration.md.
  tenant = "demo",

  -- The plugins, as folders below plugins/; those that others need come first by themselves.
  plugins = { "org", "customer", "product", "lead", "sales", "console" },

  -- The client packs, as folders below config/clients/, loaded after the plugins. An empty list
  -- gives an empty company.
  clients = { "demo" },

  -- Threads that answer requests; 0 is one for each core.
  workers = 0,

  -- The demo's logins have a password that everybody knows: a server that has them refuses to
  -- listen on anything but the loopback unless this is true.
  demo_logins_beyond_loopback = false,

  -- The proxies before this server, as addresses and networks such as "10.0.0.0/8": whom they name
  -- in X-Forwarded-For is taken for the client. Nobody else is believed.
  trusted_proxies = {},

  -- How many connections one address may have at once, and how many requests it may send in a
  -- minute; 0 is no limit. The machine itself is not limited unless limit_loopback is true.
  client_connections = 256,
  client_requests = 6000,
  limit_loopback = false,

  -- When the write-ahead log of the database has so many MiB, the log says so and long reads are
  -- ended.
  wal_limit = 64,

  -- A line in the log for each request.
  log_requests = true,
}
