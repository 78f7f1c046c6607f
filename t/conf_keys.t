# Key files: what is wrong with one is told, what is in it never.

use strict;
use warnings;

use Test::More;
use L402::Conf;

my $protected = 'l402 a; l402_price 0;';
my $hint = 'a key is 64 hex digits, as "l402ctl keygen" writes them';
my $none = 'no key in it; one a line, 64 hex digits, as "l402ctl keygen" '
    . 'writes them';
my $short = substr $key, 0, 63;
my $other = 'ab' x 32;
my $n = 0;

# The message about a key file with this content.
sub bad_file {
    my ($name, $content, $message, $mode) = @_;
    my $path = file('keys-' . ++$n, $content, $mode);
    refused($name, qq{l402_key_file: "$path"$message},
        http => "l402_key_file $path; # here", location => $protected);
}

sub good_file {
    my ($name, $content, $mode) = @_;
    my $path = file('keys-' . ++$n, $content, $mode);
    accepted($name, http => "l402_key_file $path;", location => $protected);
}

bad_file('empty', '', ": $none");
bad_file('a line end alone', "\n", ": $none");
bad_file('comments alone', "# none yet\n\n  # really\n", ": $none");
bad_file('short', "$short\n", ": line 1 is too short; $hint");
bad_file('long', "${key}0\n", ": line 1 is too long; $hint");
bad_file('two in a line', "$key$other\n", ": line 1 is too long; $hint");
bad_file('a comment without a space', "$key#old\n",
    ": line 1 is too long; $hint");
bad_file('no hex', "${short}g\n", ": line 1 is not hex; $hint");
bad_file('binary', "\0" x 32, ": line 1 is too short; $hint");
bad_file('64 binary bytes', "\xff" x 64, ": line 1 is not hex; $hint");
bad_file('with 0x', "0x$key\n", ": line 1 is too long; $hint");
bad_file('base64', "wP/uwP/uwP/uwP/uwP/uwP/uwP/uwP/uwP/uwP/+/u0=\n",
    ": line 1 is too short; $hint");
bad_file('the second one bad', "$key first\n\n$short\n",
    ": line 3 is too short; $hint");
bad_file('the last one bad, without line end', "$key\n$other\nx",
    ": line 3 is too short; $hint");
bad_file('more than there may be',
    join('', map { sprintf "%064x\n", $_ } 1 .. 17), ': more than 16 keys');
bad_file('much more than a key file', '#' x 70000,
    ' is too large for what it should be');

for my $mode (0604, 0644, 0602, 0666, 0777) {
    bad_file(sprintf('mode %o', $mode), "$key\n",
        ' can be read or written by others; "chmod o-rwx" it', $mode);
}

good_file(sprintf('mode %o', $_), "$key\n", $_) for 0400, 0600, 0640, 0660;
good_file('capital digits', uc("$key\n"));
good_file('no line end', $key);
good_file('DOS line ends', "$key\r\n$other\r\n");
good_file('a comment', "$key since May\n# $other\n\n$other\tthe old one\n");
good_file('white space around', "  $key  \n");
good_file('as many as there may be',
    join('', map { sprintf "%064x\n", $_ } 1 .. 16));

my $dir = dir();
my $protected_at = "$protected\nl402_key_file";

refused('missing', qq{l402_key_file: cannot open "$dir/none" (2: No such file }
    . 'or directory)', location => "$protected_at $dir/none; # here");
refused('missing, named from the configuration on',
    qq{l402_key_file: cannot open "$dir/none" (2: No such file or directory)},
    location => "$protected_at none; # here");
refused('a folder', qq{l402_key_file: "$dir" is not a regular file},
    location => "$protected_at $dir; # here");
refused('a device', 'l402_key_file: "/dev/null" is not a regular file',
    location => "$protected_at /dev/null; # here");
refused('no value', 'invalid number of arguments in "l402_key_file" directive',
    location => "$protected_at; # here");
refused('an empty name', qq{l402_key_file: "$dir/" is not a regular file},
    location => "$protected_at \"\"; # here");
refused('twice', '"l402_key_file" directive is duplicate',
    location => "$protected_at keys;\nl402_key_file keys; # here");
refused('bad, though nobody needs it',
    qq{l402_key_file: cannot open "$dir/none" (2: No such file or directory)},
    location => "l402_key_file none; # here");

accepted('named from the configuration on', http => 'l402_key_file keys;',
    location => $protected);
accepted('the same file at two levels', http => 'l402_key_file keys;',
    server => 'l402_key_file keys;', location => "$protected_at keys;");

# One that nobody writes into: waiting for that would hang nginx -t.
my $pipe = dir() . '/pipe';
system('mkfifo', '-m', '600', $pipe) == 0 or die 'mkfifo';
refused('a pipe', qq{l402_key_file: "$pipe" is not a regular file},
    location => "$protected_at $pipe; # here");

done_testing();
