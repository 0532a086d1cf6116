// An HTTP/1.1 server on threads of its own. Boost.Beast stays in the .cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sartor/base/result.h"
#include "sartor/http/message.h"
#include "sartor/http/tls.h"

namespace sartor {

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address, or "localhost"
  std::uint16_t port = 8080;       // 0: any free one
  bool has_keys = false;           // without API keys only loopback is served
  int threads = 2;
  std::size_t max_header_bytes = 8 << 10;  // request line and header; more is 431
  std::size_t max_body_bytes = 1 << 20;    // more is 413
  std::size_t max_connections = 1024;      // one more is told 503 and closed
  // Deadlines, not pauses: a client that sends a byte now and then is cut off all the same.
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{20'000};
  std::chrono::milliseconds write_timeout{20'000};
  std::chrono::milliseconds idle_timeout{60'000};   // between two requests of one connection
  std::chrono::milliseconds drain_timeout{10'000};  // for requests that run when stop() is called
  // Requests whose handler waits for the disk: they are answered on waiting_threads threads of
  // their own, so that others do not wait with them.
  std::function<bool(const HttpRequest&)> waits;
  int waiting_threads = 16;
  bool stop_on_signals = false;     // SIGINT and SIGTERM stop it as stop() does
  std::function<void()> on_hangup;  // called at SIGHUP, if stop_on_signals; must not wait
  TlsFiles tls;                     // read at the start, and again at SIGHUP, if stop_on_signals
  std::function<void(const Status&)> on_reload;  // hears what became of the latter
};

// Called from several threads at once. What it throws becomes a 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// Told of every answer that was given without the handler (400, 413, 421, 431, 503), and why.
using RefusalObserver = std::function<void(int status)>;

// Keep-alive, pipelining, HEAD (the handler's GET without its body), `Expect: 100-continue`,
// chunked bodies. A request with both Content-Length and Transfer-Encoding, or with two lengths, is
// 400. Every answer has the request's X-Request-ID, or a new one. On loopback without keys only
// loopback's names are taken as Host, so that no web page can get at it by a name of its own.
class HttpServer {
 public:
  // Binds and starts. Fails with `config` if the host is not an address, or is not loopback and
  // there are no keys, and as load_tls() does; with `io` if the port is taken.
  static Result<HttpServer> start(const ServerOptions& options, HttpHandler handler,
                                  RefusalObserver refused = {});

  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) = delete;
  ~HttpServer();  // stops

  std::uint16_t port() const;
  std::string address() const;  // "http://127.0.0.1:8080", or https
  std::size_t connections() const;

  // Accepts nothing new, closes idle connections, lets running requests finish (their answers say
  // Connection: close) until drain_timeout, and returns when all threads have ended. A second
  // signal ends the wait at once.
  void stop();
  // Returns when it was stopped, by a signal or from another thread.
  void wait();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sartor
