#include "sartor/pipeline/erased_users.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sartor/data/catalogue.h"
#include "sartor/live/erasures.h"
#include "sartor/store/folder.h"

namespace sartor {

Result<ErasedUsers> erased_users_of(const std::string& bundle) {
  SARTOR_ASSIGN(const Catalogue catalogue,
                Catalogue::open(bundle + "/users.safetensors", bundle + "/items.safetensors"));
  SARTOR_ASSIGN(const Json manifest, read_manifest(bundle));
  const std::string bundles = std::filesystem::path(bundle).parent_path().string();
  SARTOR_ASSIGN(const Erasures erasures, Erasures::beside(bundles));
  const auto known = manifest.find("erased");
  const std::size_t before =
      known != manifest.end() && known->is_number_unsigned() ? known->get<std::size_t>() : 0;
  ErasedUsers out{.users = catalogue.users().size()};
  for (const std::string& name : catalogue.users().names()) {
    const Erasure* erasure = erasures.of(name);
    if (erasure != nullptr && erasure->number >= before) ++out.erased;
  }
  return out;
}

}  // namespace sartor
