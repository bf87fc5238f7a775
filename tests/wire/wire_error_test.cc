// The texts of framework failures are fixed by the protocol: a peer compares them byte for byte. A text changed below
// would make a failure arrive as an error of the application.

#include "razor/wire/wire_error.h"

#include <gtest/gtest.h>

#include <map>

namespace razor::wire {
namespace {

using base::Errc;

const std::map<Errc, std::string_view> kTexts = {
    {Errc::unreachable, "rpc_unreachable"},
    {Errc::connection_lost, "rpc_io_err"},
    {Errc::deadline_exceeded, "rpc_timeout"},
    {Errc::method_not_found, "rpc_method_notfound"},
    {Errc::service_not_found, "rpc_service_notfound"},
    {Errc::encode, "rpc_encode"},
    {Errc::decode, "rpc_decode"},
    {Errc::internal, "rpc_internal_err"},
    {Errc::invalid_version, "rpc_invalid_ver"},
    {Errc::overloaded, "rpc_overloaded"},
    {Errc::draining, "rpc_draining"},
    {Errc::too_large, "rpc_too_large"},
};

TEST(TextOf, IsTheTextOfTheProtocol) {
  for (const auto& [errc, text] : kTexts) EXPECT_EQ(text_of(errc), text);
}

TEST(TextOf, WhatIsNeverSentWouldBeAnInternalError) {
  for (const Errc errc : {Errc::bad_frame, Errc::cancelled, Errc::closed}) {
    EXPECT_EQ(text_of(errc), "rpc_internal_err");
  }
}

TEST(ErrcOf, KnowsEveryTextAndNothingElse) {
  for (const auto& [errc, text] : kTexts) EXPECT_EQ(errc_of(text), errc);
  for (const std::string_view text : {"", "rpc_", "rpc_other", "rpc_timeout ", "rpc_timeou", "RPC_TIMEOUT", "timeout",
                                      " rpc_timeout", "division by zero"}) {
    EXPECT_EQ(errc_of(text), std::nullopt) << text;
  }
  EXPECT_EQ(errc_of(std::string_view("rpc_timeout\0", 12)), std::nullopt);
}

// The node of the tests answers "failure number n" by this order, as the reference's test server does.
TEST(FrameworkErrors, AreInTheOrderOfTheProtocol) {
  const std::string_view texts[] = {"rpc_unreachable",      "rpc_io_err",     "rpc_timeout",  "rpc_method_notfound",
                                    "rpc_service_notfound", "rpc_encode",     "rpc_decode",   "rpc_internal_err",
                                    "rpc_invalid_ver",      "rpc_overloaded", "rpc_draining", "rpc_too_large"};
  const auto errors = framework_errors();
  ASSERT_EQ(errors.size(), std::size(texts));
  for (std::size_t i = 0; i < std::size(texts); ++i) EXPECT_EQ(text_of(errors[i]), texts[i]);
}

}  // namespace
}  // namespace razor::wire
