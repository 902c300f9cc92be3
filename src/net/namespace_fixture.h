// SPDX-License-Identifier: Apache-2.0
// For tests: a cell's network in a namespace of a forked child, set up by the plan's own bytes.
#pragma once

#include <functional>
#include <string>

#include "plan/network.h"

namespace net::testing {

// The plan of a document with these rules; `change` may add to its authority.
plan::NetworkPlan PlanFor(std::vector<spec::EgressRule> rules,
                          const std::function<void(spec::Authority&)>& change = [](auto&) {});

// Runs `body` in a child in user and network namespaces of its own, where the plan's links and rules are in force; its
// text is empty on success. "skip" and a reason where namespaces are refused.
std::string InCellNetwork(const plan::NetworkPlan& network, const std::function<std::string()>& body);

// Output of a command, both streams.
std::string OutputOf(const std::string& command);
// A netfilter socket of the present namespace; the test owns it.
int NetfilterSocket();

}  // namespace net::testing
