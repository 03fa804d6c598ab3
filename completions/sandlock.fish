# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sandlock_global_optspecs
    string join \n h/help V/version
end

function __fish_sandlock_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sandlock_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sandlock_using_subcommand
    set -l cmd (__fish_sandlock_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sandlock -n "__fish_sandlock_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sandlock -n "__fish_sandlock_needs_command" -s V -l version -d 'Print version'
complete -c sandlock -n "__fish_sandlock_needs_command" -f -a "run" -d 'Run a program under a policy'
complete -c sandlock -n "__fish_sandlock_needs_command" -f -a "explain" -d 'Show what would be enforced, refused and weakened'
complete -c sandlock -n "__fish_sandlock_needs_command" -f -a "check" -d 'Show what this kernel can enforce'
complete -c sandlock -n "__fish_sandlock_needs_command" -f -a "profile" -d 'Show the profiles that there are'
complete -c sandlock -n "__fish_sandlock_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -s p -l profile -d 'Policy in TOML that the flags are laid over: a path if it contains a slash or ends in .toml, the name of a profile otherwise' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -s r -l fs-read -d 'Read, list and execute at and below this path' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l fs-read-if-exists -d 'The same as fs.read, skipped if the path is missing' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -s w -l fs-write -d 'Everything fs.read grants, and create, change, rename and remove below this path' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l fs-write-if-exists -d 'The same as fs.write, skipped if the path is missing' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l net-allow -d '`*` lifts every restriction of TCP and UDP, listening included; `tcp://:PORTS` permits outbound TCP connections to these ports of any host and nothing else' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l net-unix -d 'Unix sockets it may connect to' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l max-open-files -d 'Descriptors that each process may have open (RLIMIT_NOFILE), or the caller\'s own maximum if that is lower' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l max-file-size -d 'Largest file it may write (RLIMIT_FSIZE): bytes, or a number with K, M, G or T (powers of 1024)' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -s t -l timeout -d 'Wall clock of the run, after which the whole tree is killed: seconds, or a number with ms, s, m or h' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l env -d 'Environment variables added or replaced' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l clean-env -d 'Start from PATH, HOME, USER, LANG and TERM of the caller only' -r
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l cwd -d 'Directory the program starts in; the caller\'s own if unset' -r -f -a "(__fish_complete_directories)"
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l keep-capability -d 'Capabilities of the caller that survive, with or without `CAP_`; by default none do' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l core-dumps -d 'Let it dump core, up to the caller\'s own maximum (RLIMIT_CORE); off by default' -r
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l manage-tasks -d 'Set limits, priorities, affinity and scheduling of its own processes and threads by their ids, as renice, taskset and pthread_setaffinity_np do; otherwise a program may do that to the calling thread alone' -r
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l deny-syscall -d 'System calls, or @groups of them, refused with EPERM beyond the base deny list' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l allow-syscall -d 'System calls, or @groups of them, lifted from the base deny list; listed as weakened' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l only-syscall -d 'Allow-list: every call outside it is answered ENOSYS' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l protection -d 'What to do where the kernel lacks a protection: `strict` (default) is an error, `if-available` runs without it and says so, `off` never uses it' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -l status-fd -d 'Write how the program ended to this descriptor' -r
complete -c sandlock -n "__fish_sandlock_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -s p -l profile -d 'Policy in TOML that the flags are laid over: a path if it contains a slash or ends in .toml, the name of a profile otherwise' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -s r -l fs-read -d 'Read, list and execute at and below this path' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l fs-read-if-exists -d 'The same as fs.read, skipped if the path is missing' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -s w -l fs-write -d 'Everything fs.read grants, and create, change, rename and remove below this path' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l fs-write-if-exists -d 'The same as fs.write, skipped if the path is missing' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l net-allow -d '`*` lifts every restriction of TCP and UDP, listening included; `tcp://:PORTS` permits outbound TCP connections to these ports of any host and nothing else' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l net-unix -d 'Unix sockets it may connect to' -r -F
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l max-open-files -d 'Descriptors that each process may have open (RLIMIT_NOFILE), or the caller\'s own maximum if that is lower' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l max-file-size -d 'Largest file it may write (RLIMIT_FSIZE): bytes, or a number with K, M, G or T (powers of 1024)' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -s t -l timeout -d 'Wall clock of the run, after which the whole tree is killed: seconds, or a number with ms, s, m or h' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l env -d 'Environment variables added or replaced' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l clean-env -d 'Start from PATH, HOME, USER, LANG and TERM of the caller only' -r
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l cwd -d 'Directory the program starts in; the caller\'s own if unset' -r -f -a "(__fish_complete_directories)"
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l keep-capability -d 'Capabilities of the caller that survive, with or without `CAP_`; by default none do' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l core-dumps -d 'Let it dump core, up to the caller\'s own maximum (RLIMIT_CORE); off by default' -r
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l manage-tasks -d 'Set limits, priorities, affinity and scheduling of its own processes and threads by their ids, as renice, taskset and pthread_setaffinity_np do; otherwise a program may do that to the calling thread alone' -r
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l deny-syscall -d 'System calls, or @groups of them, refused with EPERM beyond the base deny list' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l allow-syscall -d 'System calls, or @groups of them, lifted from the base deny list; listed as weakened' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l only-syscall -d 'Allow-list: every call outside it is answered ENOSYS' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l protection -d 'What to do where the kernel lacks a protection: `strict` (default) is an error, `if-available` runs without it and says so, `off` never uses it' -r -f
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -l json -d 'Print one JSON object with the keys v, policy, plan (a list of lines) and enforcement'
complete -c sandlock -n "__fish_sandlock_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sandlock -n "__fish_sandlock_using_subcommand check" -l json -d 'Print one JSON object with the keys v, host, notifications, protections and enforced_in_full'
complete -c sandlock -n "__fish_sandlock_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sandlock -n "__fish_sandlock_using_subcommand profile; and not __fish_seen_subcommand_from list show path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sandlock -n "__fish_sandlock_using_subcommand profile; and not __fish_seen_subcommand_from list show path" -f -a "list" -d 'Print the names of all profiles'
complete -c sandlock -n "__fish_sandlock_using_subcommand profile; and not __fish_seen_subcommand_from list show path" -f -a "show" -d 'Print a profile, if it is one without mistakes'
complete -c sandlock -n "__fish_sandlock_using_subcommand profile; and not __fish_seen_subcommand_from list show path" -f -a "path" -d 'Print the directory of the profiles'
complete -c sandlock -n "__fish_sandlock_using_subcommand profile; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c sandlock -n "__fish_sandlock_using_subcommand profile; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c sandlock -n "__fish_sandlock_using_subcommand profile; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and not __fish_seen_subcommand_from run explain check profile help" -f -a "run" -d 'Run a program under a policy'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and not __fish_seen_subcommand_from run explain check profile help" -f -a "explain" -d 'Show what would be enforced, refused and weakened'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and not __fish_seen_subcommand_from run explain check profile help" -f -a "check" -d 'Show what this kernel can enforce'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and not __fish_seen_subcommand_from run explain check profile help" -f -a "profile" -d 'Show the profiles that there are'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and not __fish_seen_subcommand_from run explain check profile help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and __fish_seen_subcommand_from profile" -f -a "list" -d 'Print the names of all profiles'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and __fish_seen_subcommand_from profile" -f -a "show" -d 'Print a profile, if it is one without mistakes'
complete -c sandlock -n "__fish_sandlock_using_subcommand help; and __fish_seen_subcommand_from profile" -f -a "path" -d 'Print the directory of the profiles'
