#include "sartor/http/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "sartor/base/test_place.h"
#include "sartor/http/server.h"

namespace sartor {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

template <class Type, void (*kFree)(Type*)>
struct Freed {
  void operator()(Type* thing) const { kFree(thing); }
};
template <class Type, void (*kFree)(Type*)>
using Handle = std::unique_ptr<Type, Freed<Type, kFree>>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Handle<X509, X509_free>;

// A key and a certificate for `name` that it signed itself, in two files.
TlsFiles make_certificate(const std::string& folder, const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const TlsFiles files{folder + "/certificate.pem", folder + "/key.pem"};
  FILE* out = std::fopen(files.certificate.c_str(), "w");
  PEM_write_X509(out, certificate.get());
  std::fclose(out);
  out = std::fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  return files;
}

class Tls : public testing::Test {
 protected:
  Tls() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    files_ = make_certificate(folder_, "first");
  }
  ~Tls() override { std::filesystem::remove_all(folder_); }

  HttpServer started(bool on_signals = false) {
    ServerOptions options;
    options.port = 0;
    options.tls = files_;
    options.header_timeout = std::chrono::milliseconds(kSanitized ? 3000 : 500);
    options.drain_timeout = std::chrono::milliseconds(2000);
    options.stop_on_signals = on_signals;
    options.on_reload = [this](const Status& status) {
      const std::lock_guard lock(mutex_);
      reloads_.push_back(status ? "read" : status.error().message);
    };
    auto server = HttpServer::start(options, [](const HttpRequest& request) {
      return HttpResponse{
          200, "text/plain", request.method + " " + request.path + " [" + request.body + "]", {}};
    });
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }
  std::vector<std::string> reloads(std::size_t wanted) {
    for (int i = 0; i < 500; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (reloads_.size() >= wanted) return reloads_;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return {};
  }

  const std::string folder_ = test_place("tls");
  TlsFiles files_;
  std::mutex mutex_;
  std::vector<std::string> reloads_;
};

struct Talk {
  bool met = false;     // hands were shaken
  std::string version;  // "TLSv1.3"
  std::string name;     // of the certificate
  std::string answer;   // up to the peer's goodbye
  bool goodbye = false;
};

// One connection that speaks exactly `version`, and sends `request`.
Talk talk(const HttpServer& server, int version, const std::string& request) {
  const Handle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(context.get(), 0);  // else the library itself refuses old versions
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  BIO* connection = BIO_new_ssl_connect(context.get());
  const Handle<BIO, BIO_free_all> freed(connection);
  BIO_set_conn_hostname(connection, ("127.0.0.1:" + std::to_string(server.port())).c_str());
  Talk told;
  if (BIO_do_connect(connection) != 1 || BIO_do_handshake(connection) != 1) return told;
  told.met = true;
  SSL* ssl = nullptr;
  BIO_get_ssl(connection, &ssl);
  told.version = SSL_get_version(ssl);
  const Certificate certificate(SSL_get1_peer_certificate(ssl));
  char name[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                            sizeof name);
  told.name = name;
  BIO_write(connection, request.data(), static_cast<int>(request.size()));
  char buffer[4096];
  for (int n = 0; (n = BIO_read(connection, buffer, sizeof buffer)) > 0;) {
    told.answer.append(buffer, static_cast<std::size_t>(n));
  }
  told.goodbye = (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
  return told;
}

const std::string kGet = "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

TEST_F(Tls, AnswersByTlsOneTwoAndOneThreeOnly) {
  const HttpServer server = started();
  EXPECT_THAT(server.address(), StartsWith("https://127.0.0.1:"));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Talk told = talk(server, version, kGet);
    ASSERT_TRUE(told.met);
    EXPECT_EQ(told.version, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    EXPECT_EQ(told.name, "first");
    EXPECT_THAT(told.answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(told.answer, HasSubstr("\r\n\r\nGET /a []"));
    EXPECT_TRUE(told.goodbye) << "else a cut answer would look like a whole one";
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    EXPECT_FALSE(talk(server, version, kGet).met) << version;
  }
}

TEST_F(Tls, TakesAPipelineAndABodyOfMegabytes) {
  const HttpServer server = started();
  const std::string body(900'000, 'x');
  const Talk told = talk(server, TLS1_3_VERSION,
                         "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /2 HTTP/1.1\r\nHost: "
                         "localhost\r\nConnection: close\r\nContent-Length: 900000\r\n\r\n" +
                             body);
  EXPECT_THAT(told.answer, HasSubstr("GET /1 []"));
  EXPECT_THAT(told.answer, HasSubstr("POST /2 [" + body + "]"));
}

TEST_F(Tls, WhoSpeaksPlainOrNotAtAllIsCutOff) {
  const HttpServer server = started();
  for (const std::string& sent : {kGet, std::string()}) {
    const Handle<BIO, BIO_free_all> plain(
        BIO_new_connect(("127.0.0.1:" + std::to_string(server.port())).c_str()));
    ASSERT_EQ(BIO_do_connect(plain.get()), 1);
    if (!sent.empty()) BIO_write(plain.get(), sent.data(), static_cast<int>(sent.size()));
    std::string answer;
    char buffer[512];
    for (int n = 0; (n = BIO_read(plain.get(), buffer, sizeof buffer)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(n));
    }
    EXPECT_THAT(answer, testing::Not(HasSubstr("200 OK")));
  }
  for (int i = 0; i < 300 && server.connections() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(server.connections(), 0u);
}

TEST_F(Tls, ReadsTheCertificateAgainAtSighup) {
  const HttpServer server = started(true);
  EXPECT_EQ(talk(server, TLS1_3_VERSION, kGet).name, "first");
  make_certificate(folder_, "second");
  EXPECT_EQ(talk(server, TLS1_3_VERSION, kGet).name, "first");
  std::raise(SIGHUP);
  EXPECT_THAT(reloads(1), testing::ElementsAre("read"));
  EXPECT_EQ(talk(server, TLS1_3_VERSION, kGet).name, "second");
  std::ofstream(files_.key) << "no key\n";
  std::raise(SIGHUP);
  ASSERT_EQ(reloads(2).size(), 2u);
  EXPECT_THAT(reloads(2)[1], HasSubstr(files_.key));
  EXPECT_EQ(talk(server, TLS1_3_VERSION, kGet).name, "second") << "the old one serves on";
}

TEST_F(Tls, SaysWhatIsWrongWithItsFiles) {
  const auto message = [](const TlsFiles& files) {
    const auto loaded = load_tls(files);
    EXPECT_FALSE(loaded);
    if (loaded) return std::string();
    EXPECT_EQ(loaded.error().code, ErrorCode::config);
    return loaded.error().message;
  };
  EXPECT_TRUE(load_tls(files_));
  EXPECT_THAT(message({files_.certificate, ""}), HasSubstr("expected both, or neither"));
  EXPECT_THAT(message({folder_ + "/none.pem", files_.key}), HasSubstr("none.pem"));
  EXPECT_THAT(message({files_.key, files_.key}), HasSubstr("serve.tls_certificate"));
  const std::string other = folder_ + "/other";
  std::filesystem::create_directories(other);
  const TlsFiles others = make_certificate(other, "other");
  EXPECT_THAT(message({files_.certificate, others.key}), HasSubstr("serve.tls_key"))
      << "not the certificate's";
}

}  // namespace
}  // namespace sartor
