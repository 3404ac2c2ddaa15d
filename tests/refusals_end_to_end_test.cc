#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "extraction.h"
#include "gamma_extract/error.h"
#include "gamma_extract/unembedding.h"

// One directory of each kind that is refused (tests/oracles/make_refusals.py): the rule, what the
// program says, and that --tensor takes what it names.

namespace gamma_extract {
namespace {

using testing::Json;
using testing::Outcome;
using testing::run_program;

struct Refusal {
  std::string name;
  std::string fault;
  Json tensor;

  [[nodiscard]] std::string path() const {
    return (std::filesystem::path(TEST_DATA) / "refusals" / name).string();
  }
};

void PrintTo(const Refusal& refusal, std::ostream* stream) {
  *stream << refusal.name;
}

std::vector<Refusal> refusals() {
  std::vector<Refusal> result;
  const std::filesystem::path data = std::filesystem::path(TEST_DATA) / "refusals";
  const Json all = Json::parse(testing::read_file(data / "expected.json"));
  for (const auto& [name, expected] : all.items()) {
    result.push_back(
        {.name = name, .fault = expected.at("fault"), .tensor = expected.at("tensor")});
  }
  return result;
}

std::string test_name(const ::testing::TestParamInfo<Refusal>& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
}

/// The name of a fault, of those that a refusal may have.
std::string name_of(Fault fault) {
  switch (fault) {
    case Fault::adapter_only:
      return "adapter_only";
    case Fault::pickle_only:
      return "pickle_only";
    case Fault::gguf_only:
      return "gguf_only";
    case Fault::config_missing:
      return "config_missing";
    case Fault::weights_escape:
      return "weights_escape";
    case Fault::model_type_unsupported:
      return "model_type_unsupported";
    case Fault::model_is_encoder:
      return "model_is_encoder";
    case Fault::model_is_classifier:
      return "model_is_classifier";
    case Fault::model_is_bare:
      return "model_is_bare";
    case Fault::head_quantised:
      return "head_quantised";
    case Fault::tensor_missing:
      return "tensor_missing";
    case Fault::tensor_ambiguous:
      return "tensor_ambiguous";
    case Fault::tensor_not_tied:
      return "tensor_not_tied";
    case Fault::tensor_dtype_unsupported:
      return "tensor_dtype_unsupported";
    default:
      return "another";
  }
}

class RefusalEndToEndTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalEndToEndTest, NamesTheRule) {
  try {
    const Checkpoint checkpoint(GetParam().path());
    const Choice choice = choose_unembedding(checkpoint, std::nullopt);
    stored_matrix(*checkpoint.open_shard(choice.tensor), choice.tensor);
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(name_of(error.fault()), GetParam().fault) << error.what();
  }
}

TEST_P(RefusalEndToEndTest, SaysWhatItIsAndWhatToGiveInstead) {
  const Outcome outcome = run_program({"--model", GetParam().path(), "--json"});
  testing::expect_refused(outcome, 3, {GetParam().path(), ": ", "; "});
}

TEST_P(RefusalEndToEndTest, TakesWhatIsNamed) {
  if (GetParam().tensor.is_null()) return;
  const Outcome outcome = run_program(
      {"--model", GetParam().path(), "--tensor", GetParam().tensor.get<std::string>(), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out).at("tensor"), GetParam().tensor);
}

INSTANTIATE_TEST_SUITE_P(Every, RefusalEndToEndTest, ::testing::ValuesIn(refusals()), test_name);

}  // namespace
}  // namespace gamma_extract
