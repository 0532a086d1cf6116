// Files of well-known shapes that do not say how they are to be read: known by name and first line.
#pragma once

#include <optional>
#include <string>

#include "sartor/data/text_scan.h"

namespace sartor {

struct KnownFormat {
  std::string what;  // "MovieLens 1M: '::' between columns, no header line"
  TextLayout layout;
  std::string user;  // SQL, where no column alone is it
  std::string item;
};

// MovieLens 100K (u.data, u.user, u.item) and 1M (ratings.dat, users.dat, movies.dat); LightGCN's
// lists (a line is a user and the user's items). RecBole's atomic files need nothing: their line 1
// names the columns, "user_id:token". Nothing if the file is none of these or cannot be opened.
std::optional<KnownFormat> known_format(const std::string& path);

// A column's name without the type that RecBole adds: "user_id" of "user_id:token".
std::string without_type(const std::string& name);

}  // namespace sartor
