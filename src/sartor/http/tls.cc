#include "sartor/http/tls.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace sartor {
namespace {

// What OpenSSL has to say about `path`, the earliest of its complaints.
Error tls_error(const std::string& field, const std::string& path, const char* expected) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return {ErrorCode::config, fmt::format("{} '{}': {}; expected {}", field, path,
                                         reason == nullptr ? "cannot be used" : reason, expected)};
}

// A key that asks for a passphrase must not make the server wait at a terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace

Result<TlsContext> load_tls(const TlsFiles& files) {
  if (files.certificate.empty() || files.key.empty()) {
    return Error{ErrorCode::config,
                 "serve.tls_certificate and serve.tls_key: expected both, or neither"};
  }
  ERR_clear_error();
  const TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return Error{ErrorCode::internal, "TLS: cannot make a context"};
  SSL_CTX* tls = context.get();
  const bool is_set = SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
                      SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
  if (!is_set) return Error{ErrorCode::internal, "TLS: cannot set versions and ciphers"};
  SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps 34 KiB less
  SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(tls, files.certificate.c_str()) != 1) {
    return tls_error("serve.tls_certificate", files.certificate, "a chain of certificates in PEM");
  }
  if (SSL_CTX_use_PrivateKey_file(tls, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return tls_error("serve.tls_key", files.key,
                     "the certificate's key in PEM, without a passphrase");
  }
  return context;
}

}  // namespace sartor
