// SPDX-License-Identifier: Apache-2.0
// Two network namespaces and the link between them: "host", where a test and cellos run, and "world", where every
// address that is not the host's own answers.
#pragma once

#include <string>

namespace outside {

// The host's addresses on the link, and the world's: what the host's routes lead to.
inline constexpr char kHost4[] = "198.18.0.1", kHost6[] = "2001:db8:ffff::1";
inline constexpr char kWorld4[] = "198.18.0.2", kWorld6[] = "2001:db8:ffff::2";
inline constexpr char kWorldLink[] = "vw";

// The calling thread and what it starts from now on is in "host": a net and a mount namespace of its own, in which
// /etc/resolv.conf names `resolvers` (lines of that file). Needs root. Empty, or why it failed.
std::string EnterHost(const std::string& resolvers);
// The calling thread is in "world", joined to the net namespace of process `host`, which called EnterHost before.
std::string EnterWorld(int host);
// Called in "host" when the world's end is there.
std::string RouteToWorld();

}  // namespace outside
