#include "url.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>

namespace gamma_extract {
namespace {

Url url(const std::string& text) {
  const auto parsed = Url::parse(text);
  if (!parsed) throw std::invalid_argument(text);
  return *parsed;
}

std::string followed(const std::string& from, const std::string& location) {
  const auto to = url(from).follow(location);
  return to ? to->text() : "nothing";
}

TEST(UrlTest, TheOriginIsSchemeHostAndPort) {
  EXPECT_EQ(url("https://huggingface.co/a?b#c").origin(), "https://huggingface.co:443");
  EXPECT_EQ(url("https://huggingface.co:443").origin(), "https://huggingface.co:443");
  EXPECT_EQ(url("HTTPS://HuggingFace.CO").origin(), "https://huggingface.co:443");
  EXPECT_EQ(url("http://huggingface.co").origin(), "http://huggingface.co:80");
  EXPECT_EQ(url("http://huggingface.co:8080").origin(), "http://huggingface.co:8080");
  EXPECT_EQ(url("https://user:password@huggingface.co").origin(), "https://huggingface.co:443");
  EXPECT_EQ(url("http://[::1]:9/x").origin(), "http://[::1]:9");
  EXPECT_EQ(url("http://[::1]:9/x").host(), "[::1]");
}

// What a token must not be sent to, though it looks like the Hub.
TEST(UrlTest, ALikenessIsAnotherOrigin) {
  const std::string hub = url("https://huggingface.co").origin();
  for (const char* other :
       {"https://huggingface.co.evil.org", "https://huggingface.co@evil.org",
        "https://evil.org/huggingface.co", "https://evil.org?huggingface.co",
        "https://evil.org#huggingface.co", "https://huggingface.co:444",
        "http://huggingface.co:443", "https://cdn.huggingface.co", "https://huggingface.co."}) {
    EXPECT_NE(url(other).origin(), hub) << other;
  }
}

TEST(UrlTest, OnlyAddressesOfTheWeb) {
  for (const char* other : {"", "huggingface.co", "/a", "file:///etc/passwd", "ftp://a/b",
                            "https:", "https://", "https://a b", "https://a/b c", "https://a\nb",
                            "https://a:99999", "https://a:b", "http://[::1", "data:,x"}) {
    EXPECT_FALSE(Url::parse(other)) << other;
  }
}

TEST(UrlTest, WhatIsShownHoldsNoSecret) {
  EXPECT_EQ(url("https://user:password@a/b%20c?Signature=d#e").shown(), "https://a/b%20c");
  EXPECT_EQ(url("https://user@a/").shown(), "https://a/");
  // The request still has them.
  EXPECT_EQ(url("https://user:password@a/b?Signature=d#e").text(),
            "https://user:password@a/b?Signature=d");
}

TEST(UrlTest, ARedirectMayBeRelative) {
  EXPECT_EQ(followed("https://a/b/c?d", "https://e/f?g#h"), "https://e/f?g");
  EXPECT_EQ(followed("https://a/b/c?d", "/e?f"), "https://a/e?f");
  EXPECT_EQ(followed("https://a/b/c?d", "e"), "https://a/b/e");
  EXPECT_EQ(followed("https://a/b/c?d", "//e/f"), "https://e/f");
  EXPECT_EQ(followed("https://a:8/b", "/c"), "https://a:8/c");
  EXPECT_EQ(followed("https://a/b", "/c d"), "https://a/c%20d");
}

TEST(UrlTest, ARedirectTakesNoPasswordToAnotherHost) {
  EXPECT_EQ(followed("https://user:password@a/b", "https://c/d"), "https://c/d");
  EXPECT_EQ(followed("https://user:password@a/b", "//c/d"), "https://c/d");
}

TEST(UrlTest, ARedirectLeadsToTheWebOrNowhere) {
  for (const char* other : {"file:///etc/passwd", "ftp://a/b", "javascript:x", "https://",
                            "http://a:b", "gopher://a"}) {
    EXPECT_EQ(followed("https://a/b", other), "nothing") << other;
  }
}

TEST(PercentEncodedTest, OneSegment) {
  EXPECT_EQ(percent_encoded("azAZ09-_.~"), "azAZ09-_.~");
  EXPECT_EQ(percent_encoded("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(percent_encoded("a b%?#&+:@"), "a%20b%25%3F%23%26%2B%3A%40");
  EXPECT_EQ(percent_encoded("\xc3\xa9"), "%C3%A9");
  EXPECT_EQ(percent_encoded(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(percent_encoded(""), "");
}

TEST(PercentEncodedTest, APathKeepsItsSlashes) {
  EXPECT_EQ(percent_encoded_path("a/b c/d?e.json"), "a/b%20c/d%3Fe.json");
  EXPECT_EQ(percent_encoded_path("a"), "a");
  EXPECT_EQ(percent_encoded_path(""), "");
}

}  // namespace
}  // namespace gamma_extract
