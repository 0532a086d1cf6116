// A server's certificate and key, by OpenSSL, which stays in the .cc.
#pragma once

#include <memory>
#include <string>

#include "sartor/base/result.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace sartor {

// Files in PEM; both empty: no TLS.
struct TlsFiles {
  std::string certificate;  // the server's, then those that lead to the authority's
  std::string key;          // without a passphrase
};

// What connections are opened with. Immutable; safe to use from several threads.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

// TLS 1.2 and 1.3, with 1.2 only what keeps past talks secret (ECDHE) and is authenticated (AEAD).
// Fails with `config`, naming the file and what is wrong with it, if one cannot be read or the key
// is not the certificate's.
Result<TlsContext> load_tls(const TlsFiles& files);

}  // namespace sartor
