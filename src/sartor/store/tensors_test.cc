#include "sartor/store/tensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "sartor/base/files.h"
#include "sartor/base/ids.h"
#include "sartor/base/test_place.h"

namespace sartor {
namespace {

std::string temporary(const std::string& name) { return test_place("tensors_") + name; }

// A file of our own making: `header` as it stands, then `data` zero bytes.
std::string made(const std::string& header, std::size_t data) {
  const std::uint64_t n = header.size();
  return std::string(reinterpret_cast<const char*>(&n), 8) + header + std::string(data, '\0');
}

std::string failure(const std::string& bytes) {
  const std::string path = temporary("bad");
  std::ofstream(path, std::ios::binary) << bytes;
  const auto file = TensorFile::map(path);
  if (file) return "it was read";
  EXPECT_EQ(file.error().code, ErrorCode::bad_data);
  EXPECT_EQ(file.error().message.find(path), 0u) << file.error().message;
  return file.error().message;
}

TensorFile sample() {
  TensorFile file;
  file.add<float>("weights", std::vector<float>{1.5f, -2, 0, 4, 5, 6}, {2, 3});
  file.add<std::uint8_t>("flags", std::vector<std::uint8_t>{1, 0, 1});
  file.add<std::int64_t>("times", std::vector<std::int64_t>{-1, 1LL << 60});
  file.add<ItemId>("items", std::vector<ItemId>{{7}, {9}});
  file.add_texts("names", std::vector<std::string>{"a", "", "καφές", std::string("\0x", 2)});
  file.set_meta("config", R"({"k": 3, "quote": "\""})");
  return file;
}

TEST(Tensors, ReadsBackWhatItWrote) {
  const std::string path = temporary("round_trip");
  ASSERT_TRUE(sample().write(path));
  const auto file = TensorFile::map(path);
  ASSERT_TRUE(file) << file.error().message;
  const auto weights = file->get<float>("weights");
  ASSERT_TRUE(weights);
  EXPECT_EQ(std::vector<float>(weights->begin(), weights->end()),
            (std::vector<float>{1.5f, -2, 0, 4, 5, 6}));
  EXPECT_EQ(file->find("weights")->shape, (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(file->get<std::int64_t>("times")->back(), 1LL << 60);
  EXPECT_EQ(file->get<ItemId>("items")->back(), ItemId{9});
  EXPECT_EQ(file->get<std::uint32_t>("items")->front(), 7u);
  EXPECT_EQ(*file->get_texts("names"),
            (std::vector<std::string>{"a", "", "καφές", std::string("\0x", 2)}));
  EXPECT_EQ(*file->meta("config"), R"({"k": 3, "quote": "\""})");
  EXPECT_FALSE(file->has("nothing"));
}

TEST(Tensors, MappedMemoryOutlivesTheFileObject) {
  const std::string path = temporary("outlives");
  ASSERT_TRUE(sample().write(path));
  Tensor kept;
  {
    const auto file = TensorFile::map(path);
    ASSERT_TRUE(file);
    kept = *file->find("weights");
  }
  float first = 0;
  std::memcpy(&first, kept.bytes.data(), sizeof first);
  EXPECT_EQ(first, 1.5f);
}

TEST(Tensors, BytesAreThoseOfTheFormatInAnyOrderOfAdding) {
  TensorFile a;
  a.add<std::uint8_t>("b", std::vector<std::uint8_t>{1, 2});
  a.add<float>("z", std::vector<float>{1});
  TensorFile b;
  b.add<float>("z", std::vector<float>{1});
  b.add<std::uint8_t>("b", std::vector<std::uint8_t>{9});
  b.add<std::uint8_t>("b", std::vector<std::uint8_t>{1, 2});  // the last one counts
  EXPECT_EQ(a.to_bytes(), b.to_bytes());
  const std::string header = R"({"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                             R"("b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})";
  std::string expected = made(header + std::string(120 - header.size(), ' '), 0);
  expected += std::string("\0\0\x80\x3f\1\2", 6);
  EXPECT_EQ(a.to_bytes(), expected);
  const std::string path = temporary("same");
  ASSERT_TRUE(a.write(path));
  EXPECT_EQ(*read_file(path), expected);
}

TEST(Tensors, EmptyThingsSurvive) {
  TensorFile file;
  file.add<float>("none", {});
  file.add<double>("flat", {}, {0, 5});
  file.add_texts("words", {});
  const std::string path = temporary("empty");
  ASSERT_TRUE(file.write(path));
  const auto back = TensorFile::map(path);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(back->get<float>("none")->empty());
  EXPECT_EQ(back->find("flat")->shape, (std::vector<std::size_t>{0, 5}));
  EXPECT_TRUE(back->get_texts("words")->empty());
}

TEST(Tensors, AskingForTheWrongThingIsAnError) {
  const TensorFile file = sample();
  EXPECT_EQ(file.get<double>("weights").error().message,
            "tensor 'weights' is F32 where F64 was expected");
  EXPECT_EQ(file.get<float>("weight").error().message, "no tensor 'weight'");
  EXPECT_EQ(file.meta("x").error().code, ErrorCode::bad_data);
  EXPECT_EQ(TensorFile::map(temporary("absent")).error().code, ErrorCode::not_found);
  EXPECT_EQ(TensorFile::map(testing::TempDir()).error().code, ErrorCode::io);
}

TEST(Tensors, BrokenFilesAreNamedNotCrashedOn) {
  const auto says = [](const std::string& bytes, const std::string& words) {
    const std::string message = failure(bytes);
    EXPECT_NE(message.find(words), std::string::npos) << message;
  };
  says("", "too short");
  says("1234567", "too short");
  says(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), "claims");
  says(std::string("\x03\0\0\0\0\0\0\0{}", 10), "claims 3 bytes in a file of 10");
  says(made("{\"a\":", 0), "not a JSON object");
  says(made("[]", 0), "not a JSON object");
  says(made(R"({"a":1})", 0), "expected an object");
  says(made(R"({"a":{"dtype":"F32","shape":[1]}})", 4), "lacks");
  says(made(R"({"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}})", 2), "type BF16");
  says(made(R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,4]}})", 4), "type 3");
  says(made(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "whole numbers");
  says(made(R"({"a":{"dtype":"F32","shape":7,"data_offsets":[0,4]}})", 4), "not a list");
  says(made(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), "data_offsets");
  says(made(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4), "data_offsets");
  says(made(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "does not fit");
  says(made(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
       "does not fit");
  says(made(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4), "cut short");
  says(made(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5), "a tail");
  says(made(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
            R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
            6),
       "overlaps");
  says(made(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})", 4), "a gap");
  says(made(R"({"__metadata__":{"a":1}})", 0), "not a text");
  says(made("{\"a\xff\":1}", 0), "not a JSON object");
  says(made(std::string(100000, '['), 0), "not a JSON object");
}

TEST(Tensors, EveryTruncationOfAFileIsRefused) {
  const std::string whole = sample().to_bytes();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_NE(failure(whole.substr(0, n)), "it was read") << n;
  }
}

TEST(Tensors, UnalignedTensorsOfOtherWritersAreCopied) {
  std::string bytes = made(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )", 0);
  while (bytes.size() % 4 != 1) {
    bytes += ' ';
    ++bytes[0];
  }
  const float value = 2.5f;
  bytes.append(reinterpret_cast<const char*>(&value), 4);
  const std::string path = temporary("unaligned");
  std::ofstream(path, std::ios::binary) << bytes;
  const auto file = TensorFile::map(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->get<float>("a")->front(), 2.5f);
}

TEST(Tensors, BadTextsAreAnError) {
  TensorFile file;
  file.add<std::uint8_t>("w.bytes", std::vector<std::uint8_t>{65, 66});
  file.add<std::uint64_t>("w.ends", std::vector<std::uint64_t>{2, 1});
  EXPECT_FALSE(file.get_texts("w"));
  file.add<std::uint64_t>("w.ends", std::vector<std::uint64_t>{3});
  EXPECT_FALSE(file.get_texts("w"));
  file.add<std::uint64_t>("w.ends", std::vector<std::uint64_t>{1});
  EXPECT_FALSE(file.get_texts("w"));
}

}  // namespace
}  // namespace sartor
