// SPDX-License-Identifier: Apache-2.0
// Every command and option, once.
#include "cli/options.h"

#include <algorithm>

namespace cli {
namespace {

constexpr std::uint32_t Bit(Command command) { return 1u << static_cast<unsigned>(command); }
constexpr std::uint32_t kRunAndPlan = Bit(Command::kRun) | Bit(Command::kPlan);
constexpr std::uint32_t kReaders = Bit(Command::kVerify) | Bit(Command::kShow) | Bit(Command::kWatch) |
                                   Bit(Command::kLs) | Bit(Command::kStop) | Bit(Command::kKeygen) | Bit(Command::kDoctor) | Bit(Command::kGc) |
                                   Bit(Command::kPrune);

constexpr std::string_view kDocument = "The document";
constexpr std::string_view kLimits = "Limits";
constexpr std::string_view kPolicy = "Policy and state";
constexpr std::string_view kEvents = "Events";
constexpr std::string_view kOutput = "Input and output";
constexpr std::string_view kOther = "Options";

constexpr OptionRow kOptions[] = {
    {"--spec", "FILE|-", kDocument, "take the cell document from FILE or standard input; no other document option, no CMD",
     kRunAndPlan, &Options::spec},
    {"--print-spec", "", kDocument, "print the document that these options make, and do nothing else", kRunAndPlan,
     &Options::print_spec},
    {"--id", "ID", kDocument, "name of the cell (default: cell)", kRunAndPlan, &Options::id},
    {"--ro", "SRC[:DST]", kDocument, "show SRC of this machine read-only inside the cell, at DST; repeatable", kRunAndPlan,
     &Options::read_only},
    {"--rw", "SRC[:DST]", kDocument, "show SRC writable inside the cell, at DST; repeatable", kRunAndPlan,
     &Options::read_write},
    {"--allow", "HOST[:PORT][/PROTOCOL]", kDocument,
     "let the workload reach HOST: a name, *.NAME, an address or a CIDR; port 443 unless given; PROTOCOL is https, http, "
     "tcp or udp (default: by the port); repeatable",
     kRunAndPlan, &Options::allow},
    {"--dns-resolver", "RESOLVER", kDocument,
     "resolver for granted names: IP:PORT, tls://IP[:PORT] or https://IP/PATH (default: this machine's own); repeatable",
     kRunAndPlan, &Options::dns_resolvers},
    {"--env", "NAME=VALUE", kDocument, "set a variable of the workload; repeatable", kRunAndPlan, &Options::env},
    {"--workdir", "PATH", kDocument, "directory the workload starts in (absolute, inside the cell)", kRunAndPlan,
     &Options::workdir},
    {"--terminal", "", kDocument, "give the workload a terminal of its own", kRunAndPlan, &Options::terminal},
    {"--telemetry", "", kDocument,
     "have a witness in the cell tell of its processes, refused calls and, with --allow, attempts to connect", kRunAndPlan,
     &Options::telemetry},
    {"--secret", "NAME[=SRC]", kDocument,
     "give the workload secret NAME as a variable; SRC is env:VARIABLE or file:PATH (default: CELLOS_SECRET_NAME); "
     "repeatable",
     kRunAndPlan, &Options::secrets},
    {"--export", "NAME=PATH", kDocument, "keep file PATH of the cell as artefact NAME; repeatable", kRunAndPlan,
     &Options::exports},

    {"--ttl", "TIME", kLimits, "life of the cell, all included: 90, 90s, 15m, 2h (default: 3600s)", kRunAndPlan,
     &Options::ttl},
    {"--timeout", "TIME", kLimits, "time for the workload alone: 500ms, 90s, 15m", kRunAndPlan, &Options::timeout},
    {"--memory", "SIZE", kLimits, "memory limit: bytes, or with K, M, G, T (powers of 1024)", kRunAndPlan,
     &Options::memory},
    {"--cpus", "N", kLimits, "processors' worth of time: 0.5, 2", kRunAndPlan, &Options::cpus},
    {"--pids", "N", kLimits, "processes and threads (default: 4096)", kRunAndPlan, &Options::pids},
    {"--scratch", "SIZE", kLimits, "size of all private writable space together (default: 1G)", kRunAndPlan,
     &Options::scratch},

    {"--backend", "NAME", kPolicy, "what makes the cell: native", kRunAndPlan, &Options::backend},
    {"--policy", "PACK", kPolicy, "policy pack that the document must satisfy", kRunAndPlan, &Options::policy},
    {"--if-policy", "sha256:HEX", kPolicy, "refuse unless the policy pack has this digest", kRunAndPlan,
     &Options::if_policy},
    {"--state-dir", "DIR", kPolicy, "where runs, keys and live entries are kept", kRunAndPlan | kReaders,
     &Options::state_dir},

    {"--events", "FILE", kEvents, "append every event to FILE, one JSON object a line", Bit(Command::kRun),
     &Options::events},
    {"--events-form", "FORM", kEvents, "published (default) or log", Bit(Command::kRun), &Options::events_form},
    {"--sign-events", "", kEvents, "wrap each event of FILE in a signed envelope", Bit(Command::kRun),
     &Options::sign_events},
    {"--durable", "", kEvents, "tell no event before it is synced to disk under a signed checkpoint", Bit(Command::kRun),
     &Options::durable},

    {"--no-stdin", "", kOutput, "the workload reads nothing", kRunAndPlan, &Options::no_stdin},
    {"--json", "", kOutput, "print one JSON object at the end, on standard output", Bit(Command::kRun), &Options::json},
    {"--summary", "", kOutput, "print a summary on standard error even when it is no terminal", Bit(Command::kRun),
     &Options::summary},
    {"--quiet", "", kOutput, "print nothing but errors", Bit(Command::kRun), &Options::quiet},
    {"--explain", "", kOutput, "say which group of system calls a workload that failed probably needs",
     Bit(Command::kRun), &Options::explain},

    {"--json", "", kOther, "print JSON", Bit(Command::kPlan) | Bit(Command::kVerify) | Bit(Command::kLs) |
     Bit(Command::kDoctor), &Options::json},
    {"--key", "VKEY|FILE", kOther, "trust this key: a verifier key, or a file with one or with a PEM public key; repeatable",
     Bit(Command::kVerify) | Bit(Command::kShow), &Options::keys},
    {"--leaf", "FILE", kOther, "the argument is a proof; FILE holds the event it proves", Bit(Command::kVerify),
     &Options::leaf},
    {"--name", "NAME", kOther, "name of this deployment, as it stands in signatures", Bit(Command::kKeygen),
     &Options::name},
    {"--p256", "", kOther, "make an ECDSA P-256 key as well", Bit(Command::kKeygen), &Options::p256},
    {"--rotate", "", kOther, "retire the present keys and make new ones", Bit(Command::kKeygen), &Options::rotate},
    {"--older-than", "TIME", kOther, "age of the seal: 12h, 30d", Bit(Command::kPrune), &Options::older_than},
    {"--dry-run", "", kOther, "say what would be removed, remove nothing", Bit(Command::kPrune), &Options::dry_run},
    {"--wait", "TIME", kOther, "how long to wait for its end (default: 60s)", Bit(Command::kStop), &Options::wait},
};

constexpr CommandRow kCommands[kCommandCount] = {
    {"run", "[options] -- CMD…", "run a command in a cell and leave sealed evidence of it", 0, 0, true},
    {"plan", "[options] -- CMD…", "print what a run would do, and do nothing", 0, 0, true},
    {"verify", "RUN|DIR|BUNDLE", "check the evidence of a run, offline", 1, 1, false},
    {"show", "RUN|DIR|BUNDLE", "tell what happened in a run", 1, 1, false},
    {"watch", "RUN|DIR", "follow a run live: what was refused, what the host saw, what the cell says", 1, 1, false},
    {"ls", "", "list the runs of this machine", 0, 0, false},
    {"stop", "RUN", "end a running cell", 1, 1, false},
    {"keygen", "", "make the keys that sign this machine's evidence", 0, 0, false},
    {"doctor", "", "check whether cells can run here, and what would help", 0, 0, false},
    {"gc", "", "remove what killed supervisors left, and seal their logs", 0, 0, false},
    {"prune", "--older-than TIME", "delete old sealed runs", 0, 0, false},
    {"schema", "NAME", "print the JSON Schema of a document", 0, 1, false},
    {"help", "[COMMAND]", "print help", 0, 1, false},
    {"version", "", "print the version", 0, 0, false},
};

}  // namespace

std::span<const OptionRow> OptionTable() { return kOptions; }

const CommandRow& RowOf(Command command) { return kCommands[static_cast<std::size_t>(command)]; }

std::optional<Command> CommandNamed(std::string_view name) {
  const auto* const row =
      std::find_if(std::begin(kCommands), std::end(kCommands), [&](const CommandRow& r) { return r.name == name; });
  if (row == std::end(kCommands)) return std::nullopt;
  return static_cast<Command>(row - kCommands);
}

}  // namespace cli
