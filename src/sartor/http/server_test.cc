// Talks to a real socket, byte by byte where it is nasty.
#include "sartor/http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <thread>

namespace sartor {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }

  bool connected() const { return connected_; }
  void send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // What comes until the peer closes, or nothing came for five seconds.
  std::string rest() const {
    std::string all;
    while (readable(5000)) {
      char buffer[4096];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(n));
    }
    return all + "[still open]";
  }
  // Reads until `text` was seen.
  std::string until(const std::string& text) const {
    std::string all;
    while (all.find(text) == std::string::npos && readable(5000)) {
      char c = 0;
      if (::recv(fd_, &c, 1, 0) <= 0) return all + "[closed]";
      all += c;
    }
    return all;
  }

 private:
  bool readable(int timeout) const {
    pollfd poll{fd_, POLLIN, 0};
    return ::poll(&poll, 1, timeout) == 1;
  }
  int fd_;
  bool connected_ = false;
};

HttpResponse echo(const HttpRequest& request) {
  if (request.path == "/throw") throw std::runtime_error("oh no");
  if (request.path == "/slow") std::this_thread::sleep_for(milliseconds(300));
  std::string body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) body += " " + name + "=" + value;
  return {200, "text/plain", body + " [" + request.body + "]", {}};
}

ServerOptions quick() {
  ServerOptions options;
  options.port = 0;
  options.header_timeout = milliseconds(300);
  options.body_timeout = milliseconds(300);
  options.idle_timeout = milliseconds(600);
  options.drain_timeout = milliseconds(2000);
  return options;
}

HttpServer started(const ServerOptions& options) {
  auto server = HttpServer::start(options, echo);
  EXPECT_TRUE(server) << server.error().message;
  return std::move(*server);
}

// The whole answer to one request on a connection of its own.
std::string ask(const HttpServer& server, const std::string& request) {
  const Client client(server.port());
  client.send(request);
  return client.rest();
}

std::string get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + more + "\r\n";
}

TEST(HttpServer, AnswersAndEchoesTheRequestId) {
  const HttpServer server = started(quick());
  const std::string answer = ask(server, get("/a%20b?x=1+2&y=%C3%A9", "X-Request-ID: abc-1\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Request-ID: abc-1\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\nGET /a%20b x=1 2 y=\xC3\xA9 []"));
  EXPECT_EQ(server.address(), "http://127.0.0.1:" + std::to_string(server.port()));
}

TEST(HttpServer, MakesARequestIdWhereNoneCanBeEchoed) {
  const HttpServer server = started(quick());
  for (const char* header : {"", "X-Request-ID: no spaces, please\r\n"}) {
    const std::string answer = ask(server, get("/", header));
    const std::size_t at = answer.find("X-Request-ID: ");
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(answer.find("\r\n", at) - at, std::string("X-Request-ID: ").size() + 32);
  }
}

TEST(HttpServer, KeepsAConnectionAndAnswersAPipelineInOrder) {
  const HttpServer server = started(quick());
  const Client client(server.port());
  const std::string head = " HTTP/1.1\r\nHost: localhost\r\n";
  client.send("GET /1" + head + "\r\nPOST /2" + head + "Content-Length: 3\r\n\r\nxyzGET /3" + head +
              "Connection: close\r\n\r\n");
  const std::string answer = client.rest();
  const std::size_t one = answer.find("GET /1 []");
  const std::size_t two = answer.find("POST /2 [xyz]");
  const std::size_t three = answer.find("GET /3 []");
  ASSERT_NE(three, std::string::npos) << answer;
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
}

TEST(HttpServer, HeadHasTheLengthButNoBody) {
  const HttpServer server = started(quick());
  const std::string answer =
      ask(server, "HEAD /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST(HttpServer, ReadsChunkedBodiesAndAsksForOnesThatWait) {
  const HttpServer server = started(quick());
  EXPECT_THAT(ask(server,
                  "POST /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              HasSubstr("POST /c [abcde]"));
  const Client client(server.port());
  client.send(
      "POST /e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(client.until("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue"));
  client.send("hi");
  EXPECT_THAT(client.rest(), HasSubstr("POST /e [hi]"));
}

TEST(HttpServer, RefusesWhatIsAmbiguousOrBroken) {
  const HttpServer server = started(quick());
  const std::string post = "POST / HTTP/1.1\r\nHost: localhost\r\n";
  for (const std::string& request : {
           post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
           post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
           post + "Content-Length: -1\r\n\r\n",
           post + "Content-Length: 1x\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
           std::string("hello\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),
           std::string("GET / HTTP/3.1\r\nHost: a\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"),
           std::string("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("GET /?%ff HTTP/1.1\r\nHost: localhost\r\n\r\n"),
           std::string("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
       }) {
    const std::string answer = ask(server, request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/problem+json\r\n")) << request;
    EXPECT_THAT(answer, HasSubstr("X-Request-ID: ")) << request;
    EXPECT_THAT(answer, HasSubstr(R"("type":"/problems/bad-request")")) << request;
  }
  EXPECT_THAT(ask(server, get("/fine")), HasSubstr("GET /fine"));
}

TEST(HttpServer, HoldsTheLimits) {
  std::atomic<int> last = 0;
  auto server = HttpServer::start(quick(), echo, [&](int status) { last = status; });
  ASSERT_TRUE(server);
  const std::string fits(7900, 'a');
  EXPECT_THAT(ask(*server, get("/", "X: " + fits + "\r\n")), StartsWith("HTTP/1.1 200"));
  const std::string most(8 << 10, 'a');
  EXPECT_THAT(ask(*server, get("/", "X: " + most + "\r\n")), StartsWith("HTTP/1.1 431"));
  EXPECT_EQ(last, 431);
  EXPECT_THAT(ask(*server, get("/" + most)), StartsWith("HTTP/1.1 431"));
  const std::string post = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  const std::string body(1 << 20, 'b');
  EXPECT_THAT(ask(*server, post + "Content-Length: 1048576\r\n\r\n" + body),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(*server, post + "Content-Length: 1048577\r\n\r\n" + body + "c"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_EQ(last, 413);
  EXPECT_THAT(
      ask(*server, post + "Transfer-Encoding: chunked\r\n\r\n100001\r\n" + body + "c\r\n0\r\n\r\n"),
      StartsWith("HTTP/1.1 413"));
}

TEST(HttpServer, CutsOffTheSlow) {
  const HttpServer server = started(quick());
  for (const std::string& begun :
       {std::string(""), std::string("GET / HTT"),
        std::string("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")}) {
    const Client client(server.port());
    client.send(begun);
    const auto start = std::chrono::steady_clock::now();
    std::thread trickle([&] {  // a byte now and then must not help
      for (int i = 0; i < 6 && !begun.empty(); ++i) {
        client.send("x");
        std::this_thread::sleep_for(milliseconds(100));
      }
    });
    EXPECT_EQ(client.rest().find("HTTP/1.1 200"), std::string::npos);
    EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(2000));
    trickle.join();
  }
  const Client idle(server.port());
  idle.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(idle.rest(), testing::Not(HasSubstr("[still open]")));
}

TEST(HttpServer, TellsTheSuperfluousConnectionAndGoesOn) {
  ServerOptions options = quick();
  options.max_connections = 2;
  options.header_timeout = milliseconds(60'000);
  const HttpServer server = started(options);
  const auto start = std::chrono::steady_clock::now();
  {
    const Client one(server.port());
    const Client two(server.port());
    while (server.connections() < 2) std::this_thread::sleep_for(milliseconds(5));
    EXPECT_THAT(ask(server, get("/")), StartsWith("HTTP/1.1 503"));
    one.send(get("/one"));
    EXPECT_THAT(one.rest(), HasSubstr("GET /one"));
  }
  while (server.connections() > 0) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(10'000))
      << "a client that went away has to be noticed at once";
  EXPECT_THAT(ask(server, get("/")), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, AThrowingHandlerIsA500) {
  const HttpServer server = started(quick());
  EXPECT_THAT(ask(server, get("/throw")), StartsWith("HTTP/1.1 500"));
}

TEST(HttpServer, ServesNoNameButItsOwnOnLoopback) {
  const HttpServer server = started(quick());
  const auto status = [&](const std::string& host) {
    return ask(server, "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
        .substr(9, 3);
  };
  EXPECT_EQ(status("LOCALHOST:8080"), "200");
  EXPECT_EQ(status("127.0.0.1"), "200");
  EXPECT_EQ(status("[::1]:80"), "200");
  EXPECT_EQ(status("evil.example"), "421");
  EXPECT_EQ(status("127.0.0.1.evil.example"), "421");
  EXPECT_EQ(status(""), "421");
}

TEST(HttpServer, BindsLoopbackOnlyWithoutKeys) {
  ServerOptions options = quick();
  for (const char* host : {"0.0.0.0", "192.0.2.1", "::", "shop.example", ""}) {
    options.host = host;
    const auto server = HttpServer::start(options, echo);
    ASSERT_FALSE(server) << host;
    EXPECT_EQ(server.error().code, ErrorCode::config) << host;
  }
  options.host = "localhost";
  EXPECT_TRUE(HttpServer::start(options, echo));
  options.host = "0.0.0.0";
  options.has_keys = true;
  EXPECT_TRUE(HttpServer::start(options, echo));
}

TEST(HttpServer, ATakenPortIsAnIoError) {
  const HttpServer server = started(quick());
  ServerOptions options = quick();
  options.port = server.port();
  const auto second = HttpServer::start(options, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(server.port())));
}

TEST(HttpServer, StopDrainsWhatRunsAndClosesWhatIsIdle) {
  ServerOptions options = quick();
  options.header_timeout = milliseconds(60'000);  // an idle connection must not wait for it
  options.drain_timeout = milliseconds(60'000);
  HttpServer server = started(options);
  const Client idle(server.port());
  const Client busy(server.port());
  busy.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(100));
  const auto start = std::chrono::steady_clock::now();
  server.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(1500));
  const std::string answer = busy.rest();
  EXPECT_THAT(answer, HasSubstr("GET /slow"));
  EXPECT_EQ(idle.rest(), "");
  EXPECT_FALSE(Client(server.port()).connected());
}

TEST(HttpServer, SigtermStopsIt) {
  ServerOptions options = quick();
  options.stop_on_signals = true;
  HttpServer server = started(options);
  const Client busy(server.port());
  busy.send(get("/slow"));
  std::this_thread::sleep_for(milliseconds(100));
  ::kill(::getpid(), SIGTERM);
  server.wait();
  EXPECT_THAT(busy.rest(), HasSubstr("GET /slow"));
}

TEST(HttpServer, SighupIsHeardAndStopsNothing) {
  ServerOptions options = quick();
  options.stop_on_signals = true;
  std::atomic<int> heard = 0;
  options.on_hangup = [&] { ++heard; };
  HttpServer server = started(options);
  for (int times = 1; times <= 2; ++times) {
    ::kill(::getpid(), SIGHUP);
    for (int i = 0; i < 1000 && heard < times; ++i) std::this_thread::sleep_for(milliseconds(5));
    EXPECT_EQ(heard, times);
  }
  EXPECT_THAT(ask(server, get("/fine")), HasSubstr("GET /fine"));
}

TEST(HttpServer, AStubbornRequestIsLeftBehindAtTheDeadline) {
  ServerOptions options = quick();
  options.body_timeout = milliseconds(60'000);
  options.drain_timeout = milliseconds(200);
  HttpServer server = started(options);
  const Client client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(100));
  const auto start = std::chrono::steady_clock::now();
  server.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(1500));
}

TEST(HttpServer, ManyClientsAtOnceGetTheirOwnAnswers) {
  ServerOptions options = quick();
  options.threads = 4;
  const HttpServer server = started(options);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        if (ask(server, get(path)).ends_with("GET " + path + " []")) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

}  // namespace
}  // namespace sartor
