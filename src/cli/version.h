// SPDX-License-Identifier: Apache-2.0
// The version of this build.
#pragma once

#ifndef CELLOS_VERSION
#define CELLOS_VERSION "0.1.0"
#endif
