#include "gamma_extract/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "expect_fault.h"
#include "temporary_directory.h"

namespace gamma_extract::safetensors {
namespace {

using testing::TemporaryDirectory;
using testing::write_file;

// The bytes of a file: the length of its header, the header, and data of zeros.
std::string file_of(std::string_view json, std::size_t data_bytes = 0) {
  std::string file(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(json.size() >> (8 * i) & 0xffU);
  return file.append(json).append(data_bytes, '\0');
}

Header parse(std::string_view json, std::uint64_t data_bytes = 0) {
  return parse_header(json, 8 + json.size() + data_bytes, "model.safetensors");
}

Header read(std::string_view content) {
  const TemporaryDirectory directory;
  write_file(directory / "model.safetensors", content);
  return read_header(FileSource(directory / "model.safetensors"));
}

std::string message_of(std::string_view json, std::uint64_t data_bytes = 0) {
  try {
    parse(json, data_bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// A header of one tensor, "a", with these fields.
std::string one(std::string_view fields) {
  return fmt::format(R"({{"a":{{{}}}}})", fields);
}

// A header of one tensor of 4 bytes, with one more field.
std::string with_field(std::string_view field) {
  return one(fmt::format(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],{})", field));
}

std::string with_shape(std::string_view shape) {
  return one(fmt::format(R"("dtype":"F32","shape":{},"data_offsets":[0,4])", shape));
}

std::string with_offsets(std::string_view offsets) {
  return one(fmt::format(R"("dtype":"F32","shape":[1],"data_offsets":{})", offsets));
}

std::string with_dtype(std::string_view dtype) {
  return one(fmt::format(R"("dtype":{},"shape":[1],"data_offsets":[0,4])", dtype));
}

// A header with an entry of U8 for each pair of offsets.
std::string with_places(const std::vector<std::array<std::uint64_t, 2>>& places) {
  std::string json;
  for (const auto& [begin, end] : places) {
    json += fmt::format(R"({}"t{}":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}})",
                        json.empty() ? "" : ",", json.size(), end - begin, begin, end);
  }
  return "{" + json + "}";
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

// ---- What is accepted -------------------------------------------------------------------------

TEST(SafetensorsHeaderTest, HoldsWhatTheFileSays) {
  const std::string json = R"({"__metadata__":{"format":"pt","model":"é"},)"
                           R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
                           R"("a":{"data_offsets":[0,4],"shape":[],"dtype":"F32"}})";
  const Header header = read(file_of(json, 16));
  ASSERT_EQ(header.size(), 2U);
  EXPECT_EQ(header.data_offset(), 8 + json.size());
  EXPECT_EQ(header.tensor_name(0), "b");
  const Tensor tensor = header.tensor(0);
  EXPECT_EQ(tensor.name, "b");
  EXPECT_EQ(tensor.dtype, Dtype::BF16);
  EXPECT_EQ(tensor.shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(tensor.offset, 8 + json.size() + 4);
  EXPECT_EQ(tensor.bytes, 12U);
  ASSERT_TRUE(header.find("a"));
  EXPECT_EQ(header.find("a")->shape, std::vector<std::uint64_t>{});
  EXPECT_EQ(header.find("a")->bytes, 4U);
  EXPECT_FALSE(header.find("c"));
  ASSERT_EQ(header.metadata_size(), 2U);
  EXPECT_EQ(header.metadata_at(1), (std::pair<std::string_view, std::string_view>("model", "é")));
  EXPECT_EQ(header.metadata("format"), "pt");
  EXPECT_FALSE(header.metadata("pt"));
}

TEST(SafetensorsHeaderTest, EmptyHeaderIsValid) {
  EXPECT_EQ(read(file_of("{}")).size(), 0U);
  EXPECT_EQ(read(file_of(R"({"__metadata__":{}})")).metadata_size(), 0U);
}

TEST(SafetensorsHeaderTest, MetadataMayBeNull) {
  EXPECT_EQ(parse(R"({"__metadata__":null})").metadata_size(), 0U);
}

TEST(SafetensorsHeaderTest, WhiteSpaceBeforeAndAfterIsAccepted) {
  EXPECT_EQ(parse(" \t\r\n{} \t\r\n").size(), 0U);
}

TEST(SafetensorsHeaderTest, EmptyTensorsAnywhereAndAnyOrder) {
  EXPECT_EQ(parse(with_places({{4, 4}, {4, 8}, {0, 0}, {0, 4}, {8, 8}, {4, 4}}), 8).size(), 6U);
}

TEST(SafetensorsHeaderTest, RankIsUnlimited) {
  const Header header = parse(with_shape("[" + repeated("1,", 999) + "1]"), 4);
  EXPECT_EQ(header.tensor(0).shape.size(), 1000U);
}

TEST(SafetensorsHeaderTest, UnknownFieldsAreIgnored) {
  EXPECT_EQ(parse(with_field(R"("x":[null,true,-1,1.5,"s",{"dtype":1,"shape":[-1]}],"y":null)"), 4)
                .size(),
            1U);
}

TEST(SafetensorsHeaderTest, EscapesAreResolved) {
  const Header header =
      parse(R"({"\u005f_metadata__":{"\u0061":"\ud83d\ude00"},)"
            R"("\u00e9\n":{"d\u0074ype":"F\u0033\u0032","shape":[1],"data_offsets":[0,4]}})",
            4);
  EXPECT_EQ(header.metadata("a"), "😀");
  EXPECT_EQ(header.tensor_name(0), "é\n");
}

TEST(SafetensorsHeaderTest, EveryDtypeIsKnown) {
  const std::vector<std::pair<std::string_view, std::uint64_t>> expected{
      {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
      {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
      {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
      {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
      {"I64", 64},        {"U64", 64}};
  for (const auto& [text, size] : expected) {
    const auto dtype = dtype_of(text);
    ASSERT_TRUE(dtype) << text;
    EXPECT_EQ(name(*dtype), text);
    EXPECT_EQ(bits(*dtype), size) << text;
    EXPECT_EQ(
        parse(one(fmt::format(R"("dtype":"{}","shape":[8],"data_offsets":[0,{}])", text, size)),
              size)
            .tensor(0)
            .dtype,
        *dtype);
  }
}

// ---- The file ---------------------------------------------------------------------------------

TEST(SafetensorsHeaderTest, FileHasEightBytes) {
  EXPECT_FAULT(read(""), header_too_small);
  EXPECT_FAULT(read(std::string(7, '\0')), header_too_small);
}

TEST(SafetensorsHeaderTest, LengthHasALimit) {
  const std::string most = std::string("\x00\xe1\xf5\x05\x00\x00\x00\x00", 8);  // 100,000,000
  const std::string more = std::string("\x01\xe1\xf5\x05\x00\x00\x00\x00", 8);
  EXPECT_FAULT(read(most), header_beyond_file);  // so it is not too large
  EXPECT_FAULT(read(more), header_too_large);
  EXPECT_FAULT(read(std::string(8, '\xff')), header_too_large);
}

TEST(SafetensorsHeaderTest, HeaderIsInsideTheFile) {
  EXPECT_FAULT(read(file_of("{}").substr(0, 9)), header_beyond_file);
  EXPECT_FAULT(parse_header("{}", 9, "f"), header_beyond_file);
  EXPECT_FAULT(parse_header("{}", 7, "f"), header_beyond_file);
}

TEST(SafetensorsHeaderTest, GitLfsPointerIsRecognised) {
  EXPECT_FAULT(read("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
               git_lfs_pointer);
}

// ---- JSON -------------------------------------------------------------------------------------

TEST(SafetensorsHeaderTest, HeaderIsUtf8) {
  EXPECT_FAULT(parse("{\"\xff\":1}"), header_not_utf8);
  EXPECT_FAULT(parse(with_field("\"x\":\"\xc0\xaf\""), 4), header_not_utf8);
  EXPECT_FAULT(parse(with_field("\"x\":\"\xed\xa0\x80\""), 4), header_not_utf8);
  EXPECT_FAULT(parse("\x80{}"), header_not_utf8);
  EXPECT_FAULT(parse("{}\xe2\x82"), header_not_utf8);
  EXPECT_FAULT(parse("{é}"), header_not_json);
}

TEST(SafetensorsHeaderTest, HeaderIsJson) {
  for (const std::string_view text :
       {"", " ", "{", "}", "{]", "{\"a\"}", "{\"a\":}", "{,}", "{'a':1}", "nul", "{}{}", "{},",
        "{}x", "{} /**/", "{\"__metadata__\":{\"a\":\"b\",}}", "{\"a\n\":1}", R"({"\x":1})"}) {
    EXPECT_FAULT(parse(text), header_not_json);
  }
}

TEST(SafetensorsHeaderTest, ByteOrderMarkIsRefused) {
  EXPECT_FAULT(parse("\xef\xbb\xbf{}"), header_not_json);
  EXPECT_EQ(parse(with_field("\"x\":\"\xef\xbb\xbf\""), 4).size(), 1U);
}

TEST(SafetensorsHeaderTest, NulIsRefused) {
  for (const std::string_view text :
       {std::string_view("{}\0", 3), std::string_view("{}\0\0x", 5), std::string_view("\0{}", 3)}) {
    EXPECT_FAULT(parse(text), header_not_json);
  }
  EXPECT_FAULT(parse(with_field(std::string_view("\"x\":\"\0\"", 7)), 4), header_not_json);
  EXPECT_EQ(parse(with_field(R"("x":"\u0000")"), 4).size(), 1U);
}

TEST(SafetensorsHeaderTest, Utf8IsDecidedByTheTableOfTheStandard) {
  const auto refused = [](std::string_view bytes) {
    EXPECT_FAULT(parse(with_field(fmt::format("\"x\":\"{}\"", bytes)), 4), header_not_utf8);
  };
  for (const std::string_view bytes :
       {"\x80", "\xbf", "\xc1\x80", "\xc2", "\xc2\xc2\x80", "\xe0\x9f\xbf", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x9f\x98",
        "\xff"}) {
    refused(bytes);
  }
  for (const std::string_view bytes :
       {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(parse(with_field(fmt::format("\"x\":\"{}\"", bytes)), 4).size(), 1U);
  }
}

TEST(SafetensorsHeaderTest, WhiteSpaceBetweenTokensAndInStringsIsKept) {
  const Header header = parse("{ \n \"__metadata__\" \t:  {\"a  \\\"  b\":\"  \\\\\"  \r\n }  }");
  ASSERT_EQ(header.metadata_size(), 1U);
  EXPECT_EQ(header.metadata_at(0).first, "a  \"  b");
  EXPECT_EQ(header.metadata_at(0).second, "  \\");
  EXPECT_FAULT(parse(with_shape("[1  1]"), 4), header_not_json);
  EXPECT_FAULT(parse(with_field("\"x\":tr  ue"), 4), header_not_json);
}

TEST(SafetensorsHeaderTest, NumbersHaveALimit) {
  EXPECT_EQ(parse(with_field("\"x\":0." + std::string(999'998, '1')), 4).size(), 1U);
  EXPECT_FAULT(parse(with_field("\"x\":0." + std::string(999'999, '1')), 4), header_not_json);
  EXPECT_FAULT(parse(std::string(1'000'001, 'a')), header_not_json);
}

TEST(SafetensorsHeaderTest, HeaderOfManyBlocks) {
  std::string value;
  for (int i = 0; i < 60'000; ++i) value += "é" + std::to_string(i);
  const Header header = read(file_of(fmt::format(R"({{"__metadata__":{{"a":"{}"}}}})", value)));
  EXPECT_EQ(header.metadata("a"), value);
}

TEST(SafetensorsHeaderTest, LoneSurrogatesAreRefused) {
  EXPECT_FAULT(parse(with_field(R"("x":"\ud800")"), 4), header_not_json);
  EXPECT_FAULT(parse(with_field(R"("x":"\ud800\u0041")"), 4), header_not_json);
  EXPECT_FAULT(parse(with_field(R"("x":"\udc00")"), 4), header_not_json);
}

TEST(SafetensorsHeaderTest, NumbersBeyondFloat64AreRefused) {
  EXPECT_FAULT(parse(with_field(R"("x":1e999)"), 4), header_not_json);
  EXPECT_FAULT(parse(with_field(R"("x":[-1e999])"), 4), header_not_json);
  EXPECT_EQ(parse(with_field(R"("x":1e-999,"y":99999999999999999999)"), 4).size(), 1U);
}

TEST(SafetensorsHeaderTest, HeaderIsAnObject) {
  for (const std::string_view text : {"null", "true", "1", "-1", "1.5", "\"a\"", "[]", "[{}]"}) {
    EXPECT_FAULT(parse(text), header_not_object);
  }
}

TEST(SafetensorsHeaderTest, NestingHasALimit) {
  // The header and the tensor are two of the levels.
  const auto nested = [](std::size_t levels) {
    return with_field("\"x\":" + repeated("[", levels - 2) + repeated("]", levels - 2));
  };
  EXPECT_EQ(parse(nested(127), 4).size(), 1U);
  EXPECT_FAULT(parse(nested(128), 4), header_too_deep);
  EXPECT_FAULT(parse(with_field("\"x\":" + repeated(R"({"y":)", 126)), 4), header_too_deep);
  EXPECT_FAULT(parse(with_field("\"x\":" + repeated("[", 1'000'000)), 4), header_too_deep);
}

TEST(SafetensorsHeaderTest, DuplicateKeysAreRefusedAtEveryLevel) {
  const std::string_view empty = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_FAULT(parse(fmt::format(R"({{"a":{0},"b":{0},"a":{0}}})", empty)), header_duplicate_key);
  EXPECT_FAULT(parse(fmt::format(R"({{"a":{0},"\u0061":{0}}})", empty)), header_duplicate_key);
  EXPECT_FAULT(parse(R"({"__metadata__":{},"__metadata__":{}})"), header_duplicate_key);
  EXPECT_FAULT(parse(R"({"__metadata__":{},"__metadata__":null})"), header_duplicate_key);
  EXPECT_FAULT(parse(R"({"__metadata__":{"a":"b","c":"","a":"b"}})"), header_duplicate_key);
  EXPECT_FAULT(parse(with_field(R"("dtype":"F32")"), 4), header_duplicate_key);
  EXPECT_FAULT(parse(with_field(R"("shape":[1])"), 4), header_duplicate_key);
  EXPECT_FAULT(parse(with_field(R"("data_offsets":[0,4])"), 4), header_duplicate_key);
  EXPECT_FAULT(parse(with_field(R"("x":1,"x":1)"), 4), header_duplicate_key);
  EXPECT_FAULT(parse(with_field(R"("x":[{"y":1,"\u0079":1}])"), 4), header_duplicate_key);
  EXPECT_EQ(parse(with_field(R"("a":{"a":{"a":1},"b":[{"a":1},{"a":1}]})"), 4).size(), 1U);
}

TEST(SafetensorsHeaderTest, DuplicateKeysAreNamed) {
  const std::string_view empty = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_NE(message_of(fmt::format(R"({{"a":{0},"b":{0},"c":{0},"b":{0}}})", empty)).find("\"b\""),
            std::string::npos);
  EXPECT_NE(message_of(with_field(R"("shape":[1])"), 4).find("\"shape\""), std::string::npos);
}

TEST(SafetensorsHeaderTest, MetadataMapsStringsToStrings) {
  for (const std::string_view value : {"[]", "\"a\"", "1", "true", R"({"a":null})", R"({"a":1})",
                                       R"({"a":{}})", R"({"a":["b"]})", R"({"a":true})"}) {
    EXPECT_FAULT(parse(fmt::format(R"({{"__metadata__":{}}})", value)), metadata_not_strings);
  }
}

// ---- The fields of a tensor -------------------------------------------------------------------

TEST(SafetensorsHeaderTest, TensorIsAnObject) {
  for (const std::string_view value :
       {R"(["F32",[1],[0,4]])", "null", "1", "\"F32\"", "false", "[]"}) {
    EXPECT_FAULT(parse(fmt::format(R"({{"a":{}}})", value), 4), tensor_not_object);
  }
}

TEST(SafetensorsHeaderTest, EveryFieldIsRequired) {
  EXPECT_FAULT(parse(one(R"("shape":[1],"data_offsets":[0,4])"), 4), tensor_field_missing);
  EXPECT_FAULT(parse(one(R"("dtype":"F32","data_offsets":[0,4])"), 4), tensor_field_missing);
  EXPECT_FAULT(parse(one(R"("dtype":"F32","shape":[1])"), 4), tensor_field_missing);
  EXPECT_FAULT(parse(one(""), 4), tensor_field_missing);
}

TEST(SafetensorsHeaderTest, FieldsAreOfTheirOwnTensor) {
  EXPECT_FAULT(parse(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{}})", 4),
               tensor_field_missing);
}

TEST(SafetensorsHeaderTest, DtypeIsKnown) {
  for (const std::string_view dtype : {"\"f32\"", "\"F128\"", "\"\"", "\"F32 \"", "32", "null",
                                       "[\"F32\"]", R"({"F32":null})", "true"}) {
    EXPECT_FAULT(parse(with_dtype(dtype), 4), tensor_dtype_unknown);
  }
}

TEST(SafetensorsHeaderTest, ShapeIsOfUnsignedIntegers) {
  for (const std::string_view shape :
       {"[-1]", "[1.0]", "[1e0]", "[-0]", "[\"1\"]", "[true]", "[null]", "[[1]]", "[{}]",
        "[18446744073709551616]", "1", "\"[1]\"", "null", "{}", "{\"0\":1}"}) {
    EXPECT_FAULT(parse(with_shape(shape), 4), tensor_shape_invalid);
  }
}

TEST(SafetensorsHeaderTest, OffsetsAreTwoUnsignedIntegers) {
  for (const std::string_view offsets :
       {"[]", "[0]", "[0,4,4]", "[0,4.0]", "[-0,4]", "[0,-4]", "[0,4e0]", "[0,\"4\"]", "[false,4]",
        "[0,4,null]", "[0,true,4]", "[null,4]", "[[0,4]]", "[0,18446744073709551616]", "4", "\"\"",
        "null", "{}"}) {
    EXPECT_FAULT(parse(with_offsets(offsets), 4), tensor_offsets_invalid);
  }
}

TEST(SafetensorsHeaderTest, OffsetsDoNotEndBeforeTheyBegin) {
  EXPECT_FAULT(parse(with_offsets("[4,0]"), 4), tensor_offsets_invalid);
}

TEST(SafetensorsHeaderTest, SizeDoesNotOverflow) {
  EXPECT_FAULT(parse(with_shape("[4294967296,4294967296]"), 4), tensor_size_overflow);
  EXPECT_FAULT(parse(with_shape("[576460752303423489]"), 4), tensor_size_overflow);
  EXPECT_FAULT(parse(with_shape("[18446744073709551615,2,0]"), 4), tensor_size_overflow);
  EXPECT_EQ(parse(one(R"("dtype":"F32","data_offsets":[0,0],"shape":[0,18446744073709551615,2])"))
                .tensor(0)
                .shape[1],
            std::numeric_limits<std::uint64_t>::max());
}

TEST(SafetensorsHeaderTest, SubByteTypesFillWholeBytes) {
  EXPECT_FAULT(parse(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"), 1),
               tensor_misaligned);
  EXPECT_FAULT(parse(one(R"("dtype":"F6_E2M3","shape":[2],"data_offsets":[0,2])"), 2),
               tensor_misaligned);
  EXPECT_EQ(parse(one(R"("dtype":"F4","shape":[4],"data_offsets":[0,2])"), 2).size(), 1U);
}

TEST(SafetensorsHeaderTest, OffsetsHoldTheShape) {
  EXPECT_FAULT(parse(with_shape("[2]"), 4), tensor_size_mismatch);
  EXPECT_FAULT(parse(with_shape("[0]"), 4), tensor_size_mismatch);
  EXPECT_FAULT(parse(with_shape("[4294967297]"), 4), tensor_size_mismatch);
}

TEST(SafetensorsHeaderTest, MessageNamesFileTensorAndValues) {
  EXPECT_EQ(
      message_of(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8),
      "model.safetensors: tensor \"a\": data_offsets [0, 8] hold 8 bytes, but shape [3] of F32 "
      "needs 12; the file is damaged or was written by a faulty program; download it again");
}

TEST(SafetensorsHeaderTest, LongNamesAreCutInMessages) {
  const std::string json = "{\"" + repeated("é", 100'000) + "\":1}";
  const std::string message = message_of(json);
  EXPECT_LT(message.size(), 500U);
  EXPECT_NE(message.find("é...\" (200000 bytes)"), std::string::npos) << message;
}

// ---- The data ---------------------------------------------------------------------------------

TEST(SafetensorsHeaderTest, DataHasNoHoleAndNoOverlap) {
  EXPECT_FAULT(parse(with_places({{1, 4}}), 4), tensor_hole_or_overlap);
  EXPECT_FAULT(parse(with_places({{0, 4}, {5, 8}}), 8), tensor_hole_or_overlap);
  EXPECT_FAULT(parse(with_places({{0, 4}, {3, 8}}), 8), tensor_hole_or_overlap);
  EXPECT_FAULT(parse(with_places({{0, 4}, {0, 4}}), 4), tensor_hole_or_overlap);
  EXPECT_FAULT(parse(with_places({{0, 4}, {2, 2}}), 4), tensor_hole_or_overlap);
  EXPECT_FAULT(parse(with_places({{4, 8}, {0, 3}}), 8), tensor_hole_or_overlap);
}

TEST(SafetensorsHeaderTest, DataEndsWithTheFile) {
  EXPECT_FAULT(parse(with_places({{0, 4}}), 3), data_incomplete);
  EXPECT_FAULT(parse(with_places({{0, 4}}), 5), data_incomplete);
  EXPECT_FAULT(parse("{}", 1), data_incomplete);
  EXPECT_FAULT(parse(with_places({{0, std::numeric_limits<std::uint64_t>::max() / 8}})),
               data_incomplete);
  EXPECT_NE(message_of(with_places({{0, 4}}), 3).find("incomplete download"), std::string::npos);
  EXPECT_NE(message_of(with_places({{0, 4}}), 5).find("1 too many"), std::string::npos);
}

// ---- Accidents --------------------------------------------------------------------------------

std::string some_file() {
  return file_of(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("b":{"dtype":"BF16","shape":[2,1],"data_offsets":[4,8],"x":[1.5,{"y":null}]}})",
      8);
}

TEST(SafetensorsHeaderTest, Truncated) {
  const std::string file = some_file();
  const TemporaryDirectory directory;
  write_file(directory / "a", file);
  EXPECT_EQ(read_header(FileSource(directory / "a")).size(), 2U);
  for (std::size_t length = file.size(); length-- > 0;) {
    std::filesystem::resize_file(directory / "a", length);
    EXPECT_THROW(read_header(FileSource(directory / "a")), Error) << length;
  }
}

TEST(SafetensorsHeaderTest, TruncatedText) {
  const std::string file = some_file();
  const std::string_view json = std::string_view(file).substr(8, file.size() - 16);
  EXPECT_EQ(parse(json, 8).size(), 2U);
  for (std::size_t length = json.size(); length-- > 0;) {
    EXPECT_THROW(parse(json.substr(0, length), 8), Error) << length;
  }
}

// Whatever stands in a byte: a valid header whose tensors lie inside the file, or an Error.
TEST(SafetensorsHeaderTest, ReplacedBytes) {
  const std::string file = some_file();
  const std::string json = file.substr(8, file.size() - 16);
  for (std::size_t i = 0; i < json.size(); ++i) {
    for (unsigned value = 0; value < 256; ++value) {
      std::string changed = json;
      changed[i] = static_cast<char>(value);
      try {
        const Header header = parse(changed, 8);
        for (std::size_t k = 0; k < header.size(); ++k) {
          const Tensor tensor = header.tensor(k);
          EXPECT_LE(tensor.offset + tensor.bytes, file.size()) << changed;
        }
      } catch (const Error& error) {
        EXPECT_EQ(std::string_view(error.what()).substr(0, 17), "model.safetensors") << changed;
      }
    }
  }
}

// ---- Writing ----------------------------------------------------------------------------------

constexpr std::array<std::uint64_t, 2> two_by_three{2, 3};

TEST(MakeHeaderTest, ByteForByteAsSaveFile) {
  // The expected texts were written by safetensors 0.8.0.
  EXPECT_EQ(make_header("gamma", Dtype::F32, two_by_three, {}),
            file_of(R"({"gamma":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}   )"));
  EXPECT_EQ(
      make_header("gamma", Dtype::F32, two_by_three, {{"gamma", "gamma"}}),
      file_of(
          R"({"__metadata__":{"gamma":"gamma"},"gamma":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}  )"));
  EXPECT_EQ(make_header("a", Dtype::F32, {}, {}),
            file_of(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   )"));
  EXPECT_EQ(make_header("a", Dtype::F32, std::array<std::uint64_t, 2>{0, 3}, {}),
            file_of(R"({"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}})"));
  EXPECT_EQ(make_header("a", Dtype::BOOL, std::array<std::uint64_t, 1>{3}, {}),
            file_of(R"({"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}} )"));
}

TEST(MakeHeaderTest, EscapesAsSaveFile) {
  const auto expect = [](std::string_view key, std::string_view escaped, std::size_t padding) {
    EXPECT_EQ(
        make_header(key, Dtype::F32, two_by_three, {{std::string(key), std::string(key)}}),
        file_of(fmt::format(
            R"({{"__metadata__":{{"{0}":"{0}"}},"{0}":{{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}}}{1})",
            escaped, std::string(padding, ' '))));
  };
  expect("q\"b\\s", R"(q\"b\\s)", 4);
  expect("\b\f\n\r\t", R"(\b\f\n\r\t)", 3);
  expect("\x1f\x01", R"(\u001f\u0001)", 5);
  expect("\x7f", "\x7f", 6);
  expect("é€😀", "é€😀", 6);
  expect("\u2028\u2029", "\u2028\u2029", 7);
  expect("/", "/", 6);
  expect("", "", 1);
}

TEST(MakeHeaderTest, MetadataKeepsItsOrder) {
  const Header header = read(
      make_header("mu", Dtype::F32, std::array<std::uint64_t, 1>{0}, {{"b", "1"}, {"a", "2"}}));
  ASSERT_EQ(header.metadata_size(), 2U);
  EXPECT_EQ(header.metadata_at(0).first, "b");
  EXPECT_EQ(header.metadata_at(1).second, "2");
}

TEST(MakeHeaderTest, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  const Header header =
      read(make_header("mu", Dtype::F32, std::array<std::uint64_t, 1>{0}, {{"model", "a\xff"}}));
  EXPECT_EQ(header.metadata("model"), "a\ufffd");
}

TEST(MakeHeaderTest, SizesAreChecked) {
  EXPECT_FAULT(
      make_header("a", Dtype::F32, std::array<std::uint64_t, 2>{1ULL << 32U, 1ULL << 32U}, {}),
      tensor_size_overflow);
  EXPECT_FAULT(make_header("a", Dtype::F4, std::array<std::uint64_t, 1>{3}, {}), tensor_misaligned);
}

}  // namespace
}  // namespace gamma_extract::safetensors
