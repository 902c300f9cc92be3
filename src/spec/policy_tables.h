// SPDX-License-Identifier: Apache-2.0
// Tables of policy packs, authorization policies and keyset envelopes.
#pragma once

#include "spec/authorization.h"
#include "spec/cell_tables.h"
#include "spec/field_table.h"
#include "spec/keyset.h"
#include "spec/policy_pack.h"

namespace spec {

CELLOS_SHAPE(PolicyRules);
CELLOS_SHAPE(PolicyScope);
CELLOS_SHAPE(PolicyPackSpec);
CELLOS_SHAPE(PolicyPack);
CELLOS_SHAPE(AuthorizationSpec);
CELLOS_SHAPE(AuthorizationPolicy);
CELLOS_SHAPE(KeysetSignature);
CELLOS_SHAPE(KeysetEnvelope);

}  // namespace spec
