// SPDX-License-Identifier: Apache-2.0
// Words of enums.
#include "plan/words.h"

namespace plan {

std::string_view ToString(Mount::Kind kind) {
  switch (kind) {
    case Mount::Kind::kTmpfs:
      return "tmpfs";
    case Mount::Kind::kBind:
      return "bind";
    case Mount::Kind::kGrant:
      return "grant";
    case Mount::Kind::kProc:
      return "proc";
    case Mount::Kind::kMask:
      return "mask";
    case Mount::Kind::kReadOnly:
      return "readOnly";
    case Mount::Kind::kPin:
      return "pin";
    case Mount::Kind::kDevice:
      return "device";
    case Mount::Kind::kDevpts:
      return "devpts";
    case Mount::Kind::kDirectory:
      return "directory";
    case Mount::Kind::kFile:
      return "file";
    case Mount::Kind::kLink:
      return "link";
  }
  return "unknown";
}

std::string_view ToString(base::CgroupHierarchy hierarchy) {
  switch (hierarchy) {
    case base::CgroupHierarchy::kNone:
      return "none";
    case base::CgroupHierarchy::kV1:
      return "v1";
    case base::CgroupHierarchy::kV2:
      return "v2";
  }
  return "unknown";
}

std::string_view ToString(base::FileKind kind) {
  switch (kind) {
    case base::FileKind::kDirectory:
      return "directory";
    case base::FileKind::kRegular:
      return "regular";
    case base::FileKind::kOther:
      return "other";
  }
  return "unknown";
}

}  // namespace plan
