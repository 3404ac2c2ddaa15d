#include "options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "gamma_extract/error.h"

namespace gamma_extract::cli {
namespace {

using ::testing::HasSubstr;
using Arguments = std::vector<std::string>;

ExtractCommand command(const Arguments& arguments) {
  return std::get<ExtractCommand>(parse(arguments));
}

std::string text(const Arguments& arguments) {
  return std::get<Information>(parse(arguments)).text;
}

/// The text of the usage error that the arguments give.
std::string usage_error(const Arguments& arguments) {
  try {
    parse(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(OptionsTest, WhatIsLeftOutHasItsDefault) {
  const ExtractCommand parsed = command({"--model", "m", "--out", "o"});
  EXPECT_EQ(parsed.extract.model.name, "m");
  EXPECT_EQ(parsed.extract.model.revision, std::nullopt);
  EXPECT_EQ(parsed.extract.model.cache_dir, std::nullopt);
  EXPECT_FALSE(parsed.extract.model.offline);
  EXPECT_EQ(parsed.extract.out, "o");
  EXPECT_EQ(parsed.extract.tensor, std::nullopt);
  EXPECT_EQ(parsed.extract.slug, std::nullopt);
  EXPECT_EQ(parsed.extract.dtype, OutputDtype::float32);
  EXPECT_EQ(parsed.extract.threads, 0U);
  EXPECT_FALSE(parsed.extract.force);
  EXPECT_TRUE(parsed.extract.metadata);
  EXPECT_FALSE(parsed.extract.allow_nonfinite);
  EXPECT_FALSE(parsed.extract.fsync);
  EXPECT_EQ(parsed.extract.check, std::nullopt);
  EXPECT_FALSE(parsed.json);
  EXPECT_FALSE(parsed.quiet);
}

TEST(OptionsTest, AllOfThem) {
  const ExtractCommand parsed = command({"--model=m",
                                         "--out=o",
                                         "--tensor",
                                         "lm_head.weight",
                                         "--name",
                                         "slug",
                                         "--dtype",
                                         "source",
                                         "--device",
                                         "cpu",
                                         "--threads",
                                         "3",
                                         "--json",
                                         "--quiet",
                                         "--force",
                                         "--no-metadata",
                                         "--allow-nonfinite",
                                         "--fsync",
                                         "--revision",
                                         "refs/pr/1",
                                         "--cache-dir",
                                         "hub",
                                         "--offline",
                                         "--check",
                                         "r"});
  EXPECT_EQ(parsed.extract.model.name, "m");
  EXPECT_EQ(parsed.extract.model.revision, "refs/pr/1");
  EXPECT_EQ(parsed.extract.model.cache_dir, "hub");
  EXPECT_TRUE(parsed.extract.model.offline);
  EXPECT_EQ(parsed.extract.out, "o");
  EXPECT_EQ(parsed.extract.tensor, "lm_head.weight");
  EXPECT_EQ(parsed.extract.slug, "slug");
  EXPECT_EQ(parsed.extract.dtype, OutputDtype::source);
  EXPECT_EQ(parsed.extract.threads, 3U);
  EXPECT_TRUE(parsed.extract.force);
  EXPECT_FALSE(parsed.extract.metadata);
  EXPECT_TRUE(parsed.extract.allow_nonfinite);
  EXPECT_TRUE(parsed.extract.fsync);
  EXPECT_EQ(parsed.extract.check, "r");
  EXPECT_TRUE(parsed.json);
  EXPECT_TRUE(parsed.quiet);
}

TEST(OptionsTest, ShortFlagsTogether) {
  const ExtractCommand parsed = command({"-qf", "--model", "m", "--out", "o"});
  EXPECT_TRUE(parsed.quiet);
  EXPECT_TRUE(parsed.extract.force);
}

TEST(OptionsTest, FlagsMayBeRepeated) {
  const ExtractCommand parsed = command({"--json", "--json", "-q", "-q", "--model", "m"});
  EXPECT_TRUE(parsed.json);
  EXPECT_TRUE(parsed.quiet);
}

TEST(OptionsTest, BytesOfNamesAreKept) {
  EXPECT_EQ(command({"--json", "--model", "a b\n\xff"}).extract.model.name, "a b\n\xff");
  EXPECT_EQ(command({"--json", "--model", "[a,b]"}).extract.model.name, "[a,b]");
  EXPECT_EQ(command({"--json", "--model=a=b"}).extract.model.name, "a=b");
  EXPECT_EQ(command({"--json", "--model=-m"}).extract.model.name, "-m");
}

TEST(OptionsTest, ModelIsRequired) {
  EXPECT_THAT(usage_error({}), HasSubstr("--model: missing"));
  EXPECT_THAT(usage_error({"--out", "o"}), HasSubstr("--model: missing"));
}

TEST(OptionsTest, OutIsRequiredUnlessACheckOrJsonIsAsked) {
  EXPECT_THAT(usage_error({"--model", "m"}), HasSubstr("--out: missing"));
  EXPECT_THAT(usage_error({"--model", "m", "--quiet"}), HasSubstr("--out: missing"));
  EXPECT_EQ(command({"--model", "m", "--json"}).extract.out, std::nullopt);
  EXPECT_EQ(command({"--model", "m", "--check", "r"}).extract.out, std::nullopt);
}

TEST(OptionsTest, EmptyValues) {
  for (const std::string name :
       {"--model", "--out", "--tensor", "--name", "--check", "--dtype", "--device", "--threads"}) {
    Arguments before{"--json"};
    if (name != "--model") before.insert(before.end(), {"--model", "m"});
    const auto error = [&before](const Arguments& rest) {
      Arguments arguments = before;
      arguments.insert(arguments.end(), rest.begin(), rest.end());
      return usage_error(arguments);
    };
    EXPECT_THAT(error({name}), HasSubstr(name + ": the value is missing"));
    EXPECT_THAT(error({name, ""}), HasSubstr(name + ": the value is missing"));
    EXPECT_THAT(error({name + "=", "x"}), HasSubstr(name + ": the value is empty"));
  }
}

TEST(OptionsTest, AnOptionIsNoValue) {
  EXPECT_THAT(usage_error({"--model", "m", "--out", "--json"}),
              HasSubstr("--out: the value is missing"));
  EXPECT_THAT(usage_error({"--model", "m", "--out", "-q", "--json"}),
              HasSubstr("--out=DIR where it begins with a dash"));
}

TEST(OptionsTest, AValueGivenTwice) {
  for (const std::string name :
       {"--model", "--out", "--tensor", "--name", "--check", "--dtype", "--device", "--threads"}) {
    Arguments arguments{"--json", name, "cpu", name, "cpu"};
    if (name != "--model") arguments.insert(arguments.end(), {"--model", "m"});
    EXPECT_THAT(usage_error(arguments), HasSubstr(name + ": given twice"));
  }
  EXPECT_THAT(usage_error({"--model=a", "--model=b", "--model=c"}), HasSubstr("given 3 times"));
}

TEST(OptionsTest, FlagsTakeNoValue) {
  EXPECT_THAT(usage_error({"--model", "m", "--json=false"}),
              HasSubstr("--json=false: --json takes no value"));
  EXPECT_THAT(usage_error({"--model", "m", "--force="}), HasSubstr("--force takes no value"));
}

TEST(OptionsTest, Threads) {
  for (const std::string count : {"1", "1024"}) {
    EXPECT_EQ(command({"--json", "--model", "m", "--threads", count}).extract.threads,
              std::stoul(count));
  }
  for (const std::string count :
       {"0", "-1", "1.5", "abc", "1025", "4294967297", "99999999999", "4x", " 4", "+4", "0x4"}) {
    EXPECT_THAT(usage_error({"--json", "--model", "m", "--threads", count}),
                HasSubstr("--threads " + count + ": not an integer from 1 to 1024"));
  }
}

TEST(OptionsTest, UnknownValues) {
  const auto error = [](const std::string& name, const std::string& value) {
    return usage_error({"--json", "--model", "m", name, value});
  };
  EXPECT_THAT(error("--dtype", "flaot32"), HasSubstr("did you mean float32?"));
  EXPECT_THAT(error("--dtype", "Source"), HasSubstr("did you mean source?"));
  EXPECT_THAT(error("--dtype", "bf16"), HasSubstr("give float32 or source"));
  for (const std::string device :
       {"gpu", "cuda0", "cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda: 1", "cuda:1.0", "cuda:01",
        "cuda:0x1", "cuda:1x", "cuda:99999999999", "cudart", "cpu:0", "auto:0"}) {
    EXPECT_THAT(error("--device", device), ::testing::AllOf(HasSubstr("--device " + device + ":"),
                                                            HasSubstr("give auto, cpu, cuda")));
  }
  EXPECT_THAT(error("--device", "gpu"), HasSubstr("not the name of a device"));
  EXPECT_THAT(error("--device", "CPU"), HasSubstr("did you mean cpu?"));
  EXPECT_THAT(error("--device", "CUDA:1"), HasSubstr("did you mean cuda:1?"));
}

TEST(OptionsTest, EachDevice) {
  const auto device = [](const std::string& value) {
    return name(command({"--json", "--model", "m", "--device", value}).extract.device);
  };
  EXPECT_EQ(device("auto"), "cpu");
  EXPECT_EQ(device("cpu"), "cpu");
  EXPECT_EQ(device("cuda"), "cuda:0");
  EXPECT_EQ(device("cuda:0"), "cuda:0");
  EXPECT_EQ(device("cuda:12"), "cuda:12");
  EXPECT_EQ(name(command({"--json", "--model", "m"}).extract.device), "cpu");
}

TEST(OptionsTest, UnknownOptions) {
  EXPECT_EQ(usage_error({"--treads", "4"}), "--treads: unknown option; did you mean --threads?");
  EXPECT_EQ(usage_error({"--treads=4"}), "--treads: unknown option; did you mean --threads?");
  EXPECT_EQ(usage_error({"-model", "m"}), "-model: unknown option; did you mean --model?");
  EXPECT_EQ(usage_error({"--no_metadata"}),
            "--no_metadata: unknown option; did you mean --no-metadata?");
  EXPECT_EQ(usage_error({"-m", "m"}), "-m: unknown option; did you mean --model?");
  // --name, --no-cache and --no-metadata begin so.
  EXPECT_EQ(usage_error({"-n"}), "-n: unknown option; see gamma-extract --help");
}

TEST(OptionsTest, TheMatrixIsKeptUnlessToldOtherwise) {
  const auto parsed = [](const Arguments& arguments) {
    return std::get<ExtractCommand>(parse(arguments)).extract.model;
  };
  EXPECT_TRUE(parsed({"--model", "m", "--out", "o"}).keep);
  EXPECT_EQ(parsed({"--model", "m", "--out", "o"}).scratch, "o");
  EXPECT_FALSE(parsed({"--model", "m", "--json", "--no-cache"}).keep);
  EXPECT_EQ(parsed({"--model", "m", "--json", "--no-cache"}).scratch, std::nullopt);
}

TEST(OptionsTest, UnexpectedArguments) {
  EXPECT_THAT(usage_error({"Qwen3-4B", "--out", "o"}), HasSubstr("did you mean --model Qwen3-4B?"));
  EXPECT_THAT(usage_error({"compute", "--model", "m"}),
              HasSubstr("'compute': unexpected argument"));
  EXPECT_THAT(usage_error({"--model", "my", "model", "--json"}),
              HasSubstr("'model': unexpected argument; quote a name that has spaces"));
  EXPECT_THAT(usage_error({"--model", "m", "--json", ""}), HasSubstr("'': unexpected argument"));
  EXPECT_THAT(usage_error({"--", "m"}), HasSubstr("m: unexpected argument"));
}

TEST(OptionsTest, AnOptionWithoutItsDashesIsSuggested) {
  for (const std::string word : {"help", "version", "check", "json"}) {
    EXPECT_THAT(usage_error({word, "data"}), HasSubstr("did you mean --" + word + "?"));
  }
  EXPECT_THAT(usage_error({"Hepl"}), HasSubstr("did you mean --help?"));
  EXPECT_THAT(usage_error({"--model", "m", "json"}), HasSubstr("did you mean --json?"));
  for (const std::string model : {"checkpoint", "models", "gpt2", "t5", "out/json"}) {
    EXPECT_THAT(usage_error({model, "--json"}), HasSubstr("did you mean --model " + model + "?"));
  }
}

TEST(OptionsTest, InspectTakesAModel) {
  const auto parsed = [](const Arguments& arguments) {
    return std::get<InspectCommand>(parse(arguments));
  };
  EXPECT_EQ(parsed({"inspect", "m"}).inspect.model.name, "m");
  EXPECT_EQ(parsed({"inspect", "m"}).inspect.tensor, std::nullopt);
  EXPECT_FALSE(parsed({"inspect", "m"}).json);
  EXPECT_EQ(parsed({"inspect", "--json", "m", "--tensor", "t"}).inspect.model.name, "m");
  EXPECT_EQ(parsed({"inspect", "--json", "m", "--tensor", "t"}).inspect.tensor, "t");
  EXPECT_TRUE(parsed({"inspect", "--json", "m", "--tensor", "t"}).json);
  EXPECT_EQ(parsed({"inspect", "--", "--m"}).inspect.model.name, "--m");
  EXPECT_EQ(parsed({"inspect", "inspect"}).inspect.model.name, "inspect");
  EXPECT_EQ(command({"--model", "inspect", "--json"}).extract.model.name, "inspect");
}

TEST(OptionsTest, InspectRefusesWhatItDoesNotKnow) {
  for (const Arguments& arguments : std::vector<Arguments>{{"inspect"}, {"inspect", ""}}) {
    EXPECT_THAT(usage_error(arguments), HasSubstr("MODEL: missing or empty; "));
  }
  EXPECT_THAT(usage_error({"inspect", "my", "model"}),
              HasSubstr("'model': unexpected argument; quote a name that has spaces"));
  EXPECT_THAT(usage_error({"inspect", "m", "--out", "o"}),
              HasSubstr("--out: unknown option; see gamma-extract inspect --help"));
  EXPECT_THAT(usage_error({"inspect", "m", "--tensor", "a", "--tensor", "b"}),
              HasSubstr("--tensor: given twice"));
}

TEST(OptionsTest, ACommandStandsFirst) {
  EXPECT_THAT(usage_error({"--json", "inspect", "m"}),
              HasSubstr("inspect: a command stands first; give gamma-extract inspect ..., "));
}

TEST(OptionsTest, AMistypedCommandIsSuggested) {
  for (const std::string typed : {"inspct", "Inspect", "insepct", "ins"}) {
    EXPECT_THAT(usage_error({typed, "m"}), HasSubstr("no such command; did you mean inspect?"));
  }
}

TEST(OptionsTest, EveryUsageErrorHasARemedy) {
  for (const Arguments& arguments : std::vector<Arguments>{
           {}, {"-x"}, {"x"}, {"--model", "m"}, {"--out"}, {"--json=1"}, {"--treads", "4"}}) {
    EXPECT_THAT(usage_error(arguments),
                ::testing::MatchesRegex(".+: .+; .*(did you mean|gamma-extract --help).*"));
  }
}

TEST(OptionsTest, HelpWinsOverMistakes) {
  EXPECT_THAT(text({"--help"}), HasSubstr("Usage: gamma-extract --model MODEL --out DIR"));
  EXPECT_EQ(text({"-h"}), text({"--help"}));
  EXPECT_EQ(text({"--bogus", "-h", "--threads", "x"}), text({"--help"}));
}

TEST(OptionsTest, HelpNamesEveryOptionOnceAndHasExamples) {
  const std::string help = text({"--help"});
  for (const std::string entry : {"\n      --model MODEL ",
                                  "\n      --tensor NAME ",
                                  "\n      --revision REV ",
                                  "\n      --cache-dir DIR ",
                                  "\n      --offline ",
                                  "\n      --out DIR ",
                                  "\n      --dtype DTYPE ",
                                  "\n      --name SLUG ",
                                  "\n  -f, --force ",
                                  "\n      --no-metadata ",
                                  "\n      --allow-nonfinite ",
                                  "\n      --fsync ",
                                  "\n      --device DEVICE ",
                                  "\n      --threads N ",
                                  "\n      --json ",
                                  "\n  -q, --quiet ",
                                  "\n  -h, --help ",
                                  "\n  -V, --version ",
                                  "\nWhat to read:\n",
                                  "\nWhat to write:\n",
                                  "\nHow to run:\n",
                                  "\nWhat to print:\n",
                                  "\nExamples:\n  gamma-extract --model "}) {
    const std::size_t place = help.find(entry);
    ASSERT_NE(place, std::string::npos) << entry;
    EXPECT_EQ(help.find(entry, place + 1), std::string::npos) << entry;
  }
}

TEST(OptionsTest, HelpNamesWhereTheCachesAre) {
  const auto has = [](const std::string& word) { return HasSubstr(word); };
  EXPECT_THAT(
      text({"--help"}),
      ::testing::AllOf(has("HF_HUB_CACHE"), has("HUGGINGFACE_HUB_CACHE"), has("HF_HOME"),
                       has("XDG_CACHE_HOME/huggingface/hub"), has("XDG_CACHE_HOME/gamma-extract")));
  EXPECT_THAT(text({"inspect", "--help"}),
              ::testing::AllOf(has("XDG_CACHE_HOME/huggingface/hub"), has("5 the network")));
}

TEST(OptionsTest, HelpFitsEightyColumns) {
  for (const Arguments& arguments :
       {Arguments{"--help"}, {"inspect", "--help"}, {"verify", "--help"}}) {
    std::istringstream lines(text(arguments));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80U) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
}

TEST(OptionsTest, VersionNamesLibtorchAndDevices) {
  EXPECT_THAT(text({"--version"}),
              ::testing::MatchesRegex(
                  "gamma-extract [0-9.]+ \\(libtorch [0-9.]+; devices: cpu(, cuda:[0-9]+)*\\)\n"));
  EXPECT_EQ(text({"-V"}), text({"--version"}));
}

}  // namespace
}  // namespace gamma_extract::cli
