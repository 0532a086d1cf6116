// A Dataset and its IngestReport in one safetensors file, for the cache of the ingest step.
#pragma once

#include <string>

#include "sartor/base/result.h"
#include "sartor/data/dataset.h"
#include "sartor/data/ingest_report.h"
#include "sartor/store/tensors.h"

namespace sartor {

// Of everything in `data` but the fingerprint itself.
std::string fingerprint_of(const Dataset& data);

// Equal datasets give equal bytes.
TensorFile dataset_file(const Dataset& data, const IngestReport& report);
Status save_dataset(const Dataset& data, const IngestReport& report, const std::string& path);

struct LoadedDataset {
  Dataset data;
  IngestReport report;
};

// Fails with `bad_data` where the file is not what save_dataset wrote.
Result<LoadedDataset> load_dataset(const std::string& path);

}  // namespace sartor
