#include "sartor/http/server.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>  // before asio 1.74, which uses std::exchange without it
#include <vector>

#include "sartor/base/text.h"
#include "sartor/http/problem.h"

namespace sartor {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadAhead = 64 << 10;
constexpr std::chrono::seconds kLinger{2};  // for a client that still sends, or says no goodbye
constexpr std::size_t kLingerBytes = 64 << 20;

std::string_view view(boost::string_view text) { return {text.data(), text.size()}; }

// A socket that is read and written as Beast's streams are, over TLS where there is a context.
// Times are of the socket.
class Wire {
 public:
  using executor_type = beast::tcp_stream::executor_type;

  Wire(tcp::socket socket, const TlsContext& tls) : tcp_(std::move(socket)) {
    if (tls == nullptr) return;
    SSL_CTX_up_ref(tls.get());
    asio::ssl::context context(tls.get());  // lets its reference go; the stream has one of its own
    tls_.emplace(tcp_, context);
  }

  executor_type get_executor() { return tcp_.get_executor(); }
  beast::tcp_stream& below() { return tcp_; }
  bool has_tls() const { return tls_.has_value(); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return tls_ ? tls_->async_read_some(buffers, std::forward<Token>(token))
                : tcp_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return tls_ ? tls_->async_write_some(buffers, std::forward<Token>(token))
                : tcp_.async_write_some(buffers, std::forward<Token>(token));
  }

  // False if that fails; where there is no TLS there is nothing to do.
  asio::awaitable<bool> shake_hands(std::chrono::milliseconds within) {
    if (!tls_) co_return true;
    error_code error;
    tcp_.expires_after(within);
    co_await tls_->async_handshake(asio::ssl::stream_base::server,
                                   asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  // Nothing more comes: the peer knows that nothing is missing.
  asio::awaitable<void> say_goodbye() {
    error_code ignored;
    tcp_.expires_after(kLinger);
    if (tls_) co_await tls_->async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    tcp_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

 private:
  beast::tcp_stream tcp_;
  std::optional<asio::ssl::stream<beast::tcp_stream&>> tls_;
};

struct Connection {
  Connection(tcp::socket socket, const TlsContext& tls) : stream(std::move(socket), tls) {
    error_code gone;
    peer = stream.below().socket().remote_endpoint(gone).address().to_string();
  }
  Wire stream;
  std::string peer;
  bool idle = false;  // waits for a request; looked at on the connection's strand only
};

// Why the parser gave up, as a problem's name; "" where the connection is just over.
std::string refusal_of(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return "header-too-large";
  }
  if (error == http::error::body_limit) return "body-too-large";
  const bool over = error == http::error::end_of_stream || error == http::error::partial_message;
  const bool is_http = error.category() == make_error_code(http::error::bad_line_ending).category();
  return is_http && !over ? "bad-request" : "";
}

}  // namespace

// Coroutines and handlers hold a plain pointer to this: they live in io_, which is this object's
// and is destroyed last.
class HttpServer::Impl {
 public:
  Impl(const ServerOptions& options, HttpHandler handler, RefusalObserver refused)
      : options_(options),
        handler_(std::move(handler)),
        refused_(std::move(refused)),
        io_(std::max(1, options.threads)),
        waiting_(
            static_cast<std::size_t>(options.waits ? std::max(1, options.waiting_threads) : 1)),
        acceptor_(asio::make_strand(io_)),
        signals_(io_) {}

  Status start() {
    if (has_tls()) {
      SARTOR_ASSIGN(tls_, load_tls(options_.tls));
    }
    SARTOR_TRY(bind());
    if (options_.stop_on_signals) {
      signals_.add(SIGINT);
      signals_.add(SIGTERM);
      if (options_.on_hangup || has_tls()) signals_.add(SIGHUP);
      await_signal();
    }
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
    for (int t = 0; t < std::max(1, options_.threads); ++t) {
      threads_.emplace_back([this] { io_.run(); });
    }
    return {};
  }

  const tcp::endpoint& endpoint() const { return endpoint_; }
  bool has_tls() const { return !options_.tls.certificate.empty() || !options_.tls.key.empty(); }

  std::size_t connections() {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }

  // Never blocks, so that a signal's handler may call it.
  void begin_stop() {
    const std::lock_guard lock(mutex_);
    if (stopping_.exchange(true)) {
      deadline_ = std::chrono::steady_clock::now();  // told twice
    } else {
      deadline_ = std::chrono::steady_clock::now() + options_.drain_timeout;
      asio::post(acceptor_.get_executor(), [this] {
        error_code ignored;
        acceptor_.close(ignored);
      });
      for (const auto& connection : connections_) {
        asio::post(connection->stream.get_executor(), [connection] {
          if (connection->idle) connection->stream.below().cancel();
        });
      }
    }
    changed_.notify_all();
  }

  void wait() {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_.load(); });
      while (!connections_.empty() && std::chrono::steady_clock::now() < deadline_) {
        changed_.wait_until(lock, deadline_);
      }
    }
    const std::lock_guard joining(join_mutex_);
    io_.stop();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    waiting_.join();
  }

 private:
  using SharedConnection = std::shared_ptr<Connection>;
  using Parser = http::request_parser<http::string_body>;

  Status bind() {
    const std::string host = options_.host == "localhost" ? "127.0.0.1" : options_.host;
    error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) {
      return Error{ErrorCode::config,
                   fmt::format("--host {}: is not an address; expected one like 127.0.0.1", host)};
    }
    if (!address.is_loopback() && !options_.has_keys) {
      return Error{ErrorCode::config,
                   fmt::format("--host {}: there is no API key, so only loopback (127.0.0.1, ::1) "
                               "may be served",
                               host)};
    }
    endpoint_ = {address, options_.port};
    acceptor_.open(endpoint_.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint_, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) endpoint_ = acceptor_.local_endpoint(error);
    if (!error) return {};
    return Error{ErrorCode::io, fmt::format("cannot listen on {} port {}: {}", host, options_.port,
                                            error.message())};
  }

  void await_signal() {
    signals_.async_wait([this](const error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload_tls();
        if (options_.on_hangup) options_.on_hangup();
      } else {
        begin_stop();
      }
      await_signal();
    });
  }

  TlsContext tls() {
    const std::lock_guard lock(mutex_);
    return tls_;
  }

  // New connections have the new certificate; a bad one changes nothing.
  void reload_tls() {
    if (!has_tls()) return;
    auto loaded = load_tls(options_.tls);
    if (loaded) {
      const std::lock_guard lock(mutex_);
      tls_ = *loaded;
    }
    if (options_.on_reload) options_.on_reload(loaded ? Status() : Status(loaded.error()));
  }

  asio::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      error_code error;
      tcp::socket socket(asio::make_strand(io_));
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) break;
      if (error) {  // out of descriptors, most likely: let others finish
        asio::steady_timer pause(acceptor_.get_executor(), std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      socket.set_option(tcp::no_delay(true), error);
      auto connection = std::make_shared<Connection>(std::move(socket), tls());
      const bool admitted = admit(connection);
      asio::co_spawn(connection->stream.get_executor(),
                     admitted ? serve(connection) : turn_away(connection), asio::detached);
    }
  }

  bool admit(const SharedConnection& connection) {
    const std::lock_guard lock(mutex_);
    if (connections_.size() >= options_.max_connections) return false;
    connections_.insert(connection);
    return true;
  }

  void forget(const SharedConnection& connection) {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
    changed_.notify_all();
  }

  asio::awaitable<void> turn_away(SharedConnection connection) {
    if (connection->stream.has_tls()) co_return;  // a handshake costs more than an answer
    co_await refuse(*connection, "unavailable", "too many connections", "");
  }

  asio::awaitable<void> serve(SharedConnection connection) {
    try {
      beast::flat_buffer buffer(kReadAhead);
      bool met = co_await connection->stream.shake_hands(options_.header_timeout);
      // One co_await a statement: gcc 12 resumes `co_await a && co_await b` late where a is false.
      for (bool first = true; met; first = false) {
        const bool asked = co_await await_request(*connection, buffer, first);
        if (!asked) break;
        const bool kept = co_await serve_one(*connection, buffer);
        if (!kept) break;
      }
      co_await connection->stream.say_goodbye();
    } catch (const std::exception&) {  // no memory; this connection is lost, the server is not
    }
    connection->stream.below().close();
    forget(connection);
  }

  // Waits for the first byte of the next request.
  asio::awaitable<bool> await_request(Connection& connection, beast::flat_buffer& buffer,
                                      bool first) {
    if (buffer.size() > 0) co_return true;
    if (stopping_) co_return false;
    connection.idle = true;
    connection.stream.below().expires_after(first ? options_.header_timeout
                                                  : options_.idle_timeout);
    error_code error;
    const std::size_t n = co_await connection.stream.async_read_some(
        buffer.prepare(4096), asio::redirect_error(asio::use_awaitable, error));
    connection.idle = false;
    buffer.commit(n);
    co_return !error;
  }

  // Reads one request and answers it; false: the connection is over.
  asio::awaitable<bool> serve_one(Connection& connection, beast::flat_buffer& buffer) {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
    parser.body_limit(options_.max_body_bytes);
    error_code error;
    connection.stream.below().expires_after(options_.header_timeout);
    co_await http::async_read_header(connection.stream, buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      connection.stream.below().expires_after(options_.body_timeout);
      if (lower_case(std::string(view(parser.get()[http::field::expect]))) == "100-continue") {
        const http::response<http::empty_body> go_on{http::status::continue_, 11};
        co_await http::async_write(connection.stream, go_on,
                                   asio::redirect_error(asio::use_awaitable, error));
      }
    }
    if (!error) {
      co_await http::async_read(connection.stream, buffer, parser,
                                asio::redirect_error(asio::use_awaitable, error));
    }
    const std::string id = std::string(view(parser.get()["X-Request-ID"]));
    if (error) {
      const std::string kind = refusal_of(error);
      if (!kind.empty()) co_await refuse(connection, kind, error.message(), id);
      co_return false;
    }
    HttpRequest request{.peer = connection.peer};
    const std::string wrong = read(parser.get(), request);
    if (!wrong.empty()) {
      const bool misdirected = wrong == kWrongHost;
      co_await refuse(connection, misdirected ? "misdirected-request" : "bad-request", wrong, id);
      co_return false;
    }
    const bool keep = parser.get().keep_alive() && !stopping_;
    const bool waits = options_.waits && options_.waits(request);
    HttpResponse response;
    if (waits) {
      response = co_await asio::co_spawn(waiting_, answer_there(request), asio::use_awaitable);
    } else {
      response = answer(request);
    }
    co_return co_await write(connection, response, request.request_id,
                             parser.get().method() == http::verb::head, keep,
                             parser.get().version());
  }

  // Turns Beast's message into ours; says what is wrong with it, or "".
  std::string read(http::request<http::string_body>& from, HttpRequest& to) const {
    const auto hosts = from.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && from.version() >= 11)) return "expected one Host field";
    if (hosts == 1 && endpoint_.address().is_loopback() && !options_.has_keys &&
        !is_loopback_name(view(from[http::field::host]))) {
      return kWrongHost;
    }
    to.method = std::string(view(from.method_string()));
    for (const auto& field : from) {
      to.headers.emplace(lower_case(std::string(view(field.name_string()))),
                         std::string(view(field.value())));
    }
    to.request_id = request_id_or_new(to.header("x-request-id"));
    to.body = std::move(from.body());
    const Status parsed = parse_target(view(from.target()), to);
    return parsed ? "" : parsed.error().message;
  }

  HttpResponse answer(const HttpRequest& request) const {
    try {
      return handler_(request);
    } catch (const std::exception& exception) {
      return problem("internal", exception.what());
    }
  }

  // On the executor that it is spawned on; the caller keeps `request`.
  asio::awaitable<HttpResponse> answer_there(const HttpRequest& request) const {
    co_return answer(request);
  }

  asio::awaitable<bool> write(Connection& connection, const HttpResponse& response,
                              const std::string& request_id, bool is_head, bool keep,
                              unsigned version) {
    http::response<http::string_body> out{static_cast<http::status>(response.status), version};
    out.set(http::field::content_type, response.content_type);
    out.set(http::field::date, http_date());
    out.set("X-Request-ID", request_id);
    out.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) out.set(name, value);
    out.body() = response.body;
    out.keep_alive(keep);
    out.prepare_payload();
    http::response_serializer<http::string_body> serializer(out);
    connection.stream.below().expires_after(options_.write_timeout);
    error_code error;
    if (is_head) {
      co_await http::async_write_header(connection.stream, serializer,
                                        asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await http::async_write(connection.stream, serializer,
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    co_return keep && !error;
  }

  // Answers and closes. What the client still sends is read and thrown away for a while: closing
  // with unread bytes would reset the connection, and the client might never see the answer.
  asio::awaitable<void> refuse(Connection& connection, const std::string& kind,
                               const std::string& detail, const std::string& request_id) {
    const HttpResponse response = problem(kind, detail);
    if (refused_) refused_(response.status);
    co_await write(connection, response, request_id_or_new(request_id), false, false, 11);
    error_code error;
    if (!connection.stream.has_tls()) co_await connection.stream.say_goodbye();
    connection.stream.below().expires_after(kLinger);
    std::vector<char> scrap(kReadAhead);
    for (std::size_t total = 0; !error && total < kLingerBytes;) {
      const std::size_t n = co_await connection.stream.async_read_some(
          asio::buffer(scrap), asio::redirect_error(asio::use_awaitable, error));
      total += n;
    }
  }

  static constexpr const char* kWrongHost = "this Host is not served";

  const ServerOptions options_;
  const HttpHandler handler_;
  const RefusalObserver refused_;
  asio::io_context io_;
  asio::thread_pool waiting_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  tcp::endpoint endpoint_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_ = false;
  std::mutex join_mutex_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  TlsContext tls_;  // null: none
  std::set<SharedConnection> connections_;
  std::chrono::steady_clock::time_point deadline_;
};

Result<HttpServer> HttpServer::start(const ServerOptions& options, HttpHandler handler,
                                     RefusalObserver refused) {
  try {
    auto impl = std::make_unique<Impl>(options, std::move(handler), std::move(refused));
    SARTOR_TRY(impl->start());
    return HttpServer(std::move(impl));
  } catch (const std::exception& exception) {
    return Error{ErrorCode::io, fmt::format("cannot start the server: {}", exception.what())};
  }
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() {
  if (impl_) stop();
}

std::uint16_t HttpServer::port() const { return impl_->endpoint().port(); }

std::string HttpServer::address() const {
  const auto address = impl_->endpoint().address();
  const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return fmt::format("{}://{}:{}", impl_->has_tls() ? "https" : "http", host, port());
}

std::size_t HttpServer::connections() const { return impl_->connections(); }

void HttpServer::stop() {
  impl_->begin_stop();
  impl_->wait();
}

void HttpServer::wait() { impl_->wait(); }

}  // namespace sartor
