// Answers as gzip, for clients that ask for it.
#pragma once

#include <string_view>

#include "sartor/http/message.h"

namespace sartor {

inline constexpr std::size_t kLeastToCompress = 1024;  // bytes of a body; smaller ones do not gain

// Whether this Accept-Encoding takes gzip (RFC 9110, section 12.5.3): named, or by "*", and not at
// q=0.
bool takes_gzip(std::string_view accept_encoding);

// Compresses the body where that is asked for, allowed (text, JSON) and makes it smaller. An answer
// that could have been compressed says Vary: Accept-Encoding either way.
void compress(const HttpRequest& request, HttpResponse& response);

}  // namespace sartor
