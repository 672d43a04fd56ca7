// SPDX-License-Identifier: Apache-2.0
// Goal:   passwords are checked as mosquitto checks them, files that were damaged are refused line
//         by line, and a new file replaces the old one whole and private or not at all.
// Method: a line that mosquitto_passwd wrote, as text; tables of broken lines; a folder of its own.
//         tests/cli/passwd_test.py does the same against the installed mosquitto_passwd.
#include "config/password_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/files.h"

namespace firehose::config {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view kByMosquitto =
    "infra:$7$101$aE57mOw24VQ5cD92$1kfd6SjT73HiBJyxlgqS"
    "bRfzeQQlyC0TxRl8WbrO44aPkUfz19aMHpGrOKBH32XxDz1qZimW9V51fogsyBj8wg==\n";

PasswordFile file(std::string_view text) {
    auto parsed = PasswordFile::parse(text, "passwd");
    EXPECT_TRUE(parsed) << to_string(parsed.error().front());
    return parsed ? *parsed : PasswordFile{};
}

TEST(PasswordFile, ChecksWhatMosquittoPasswdWrote) {
    const PasswordFile users = file(kByMosquitto);
    EXPECT_TRUE(users.verify("infra", "correct horse"));
    EXPECT_FALSE(users.verify("infra", "correct horse "));
    EXPECT_FALSE(users.verify("infra", ""));
    EXPECT_FALSE(users.verify("Infra", "correct horse"));
    EXPECT_FALSE(users.verify("", "correct horse"));
    EXPECT_EQ(users.text(), kByMosquitto);
}

// Written by mosquitto_passwd -H sha512.
TEST(PasswordFile, ChecksTheOlderKindOfHash) {
    const std::string line =
        "u:$6$WSzqb+Mvo7gnP2NX$t3/Wuc066H/9AZeOwDqE3maDu0k6ovRXUPQSONYD2wTeuoxiIoahiK4W1aLe2XVS+"
        "1ovHaSXsedv0nENJzC0LQ==\n";
    const auto file = PasswordFile::parse("# a comment\n" + line, "f");
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->verify("u", "pw"));
    EXPECT_FALSE(file->verify("u", "pW"));
    EXPECT_FALSE(file->verify("u", ""));
    EXPECT_EQ(file->text(), "# a comment\n" + line);
}

TEST(PasswordFile, HashesAFileOfPlainPasswords) {
    const auto file = PasswordFile::upgrade("a:one\r\nb:two:three\n", "f");
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->verify("a", "one"));
    EXPECT_TRUE(file->verify("b", "two:three"));
    const auto again = PasswordFile::upgrade(file->text(), "f");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->text(), file->text());
    EXPECT_FALSE(PasswordFile::parse("a:one\n", "f"));
    EXPECT_FALSE(PasswordFile::upgrade("a:\n", "f"));
    EXPECT_FALSE(PasswordFile::upgrade("a\n", "f"));
}

TEST(PasswordFile, WithoutUsersLetsNobodyIn) {
    const PasswordFile users = file("");
    EXPECT_EQ(users.size(), 0U);
    EXPECT_FALSE(users.verify("", ""));
    EXPECT_FALSE(users.verify("u", "p"));
}

TEST(PasswordFile, ReadsBackWhatItWrites) {
    PasswordFile users;
    EXPECT_EQ(users.set("b", "two"), "");
    EXPECT_EQ(users.set("a", "one"), "");
    EXPECT_EQ(users.set("zuul/ci ü", "p:$7$\n\0x"), "");
    EXPECT_THAT(users.text(), StartsWith("a:$7$101$"));
    const PasswordFile again = file(users.text());
    EXPECT_EQ(again.text(), users.text());
    EXPECT_TRUE(again.verify("a", "one"));
    EXPECT_TRUE(again.verify("b", "two"));
    EXPECT_FALSE(again.verify("a", "two"));
}

TEST(PasswordFile, GivesEveryPasswordASaltOfItsOwn) {
    PasswordFile users;
    ASSERT_EQ(users.set("u", "same"), "");
    const std::string before = users.text();
    ASSERT_EQ(users.set("u", "same"), "");
    EXPECT_NE(users.text(), before);
    EXPECT_EQ(users.size(), 1U);
}

TEST(PasswordFile, ErasesAUser) {
    PasswordFile users = file(kByMosquitto);
    EXPECT_FALSE(users.erase("nobody"));
    EXPECT_TRUE(users.erase("infra"));
    EXPECT_FALSE(users.erase("infra"));
    EXPECT_EQ(users.text(), "");
}

TEST(PasswordFile, RefusesNamesAndPasswordsThatNoLineCanHold) {
    PasswordFile users;
    for (const std::string& name : {std::string{}, std::string{"a:b"}, std::string{"a\nb"},
                                    std::string{"a\0b", 3}, std::string(1'025, 'a')}) {
        EXPECT_NE(users.set(name, "p"), "") << name;
    }
    EXPECT_NE(users.set("u", ""), "");
    EXPECT_NE(users.set("u", std::string(65'536, 'p')), "");
    EXPECT_EQ(users.set("u", std::string(65'535, 'p')), "");
    EXPECT_EQ(users.size(), 1U);
}

TEST(PasswordFile, RefusesBlankAndBrokenLinesEachByItsNumber) {  // CVE-2018-12551.
    const std::string good{kByMosquitto};
    const std::string hash = good.substr(good.rfind('$') + 1, 88);
    struct Row {
        std::string line;
        std::string_view problem;
    };
    const Row rows[] = {
        {"", "is blank"},
        {"   \t", "is blank"},
        {" # comment", "has no colon after a user name"},
        {"infra", "has no colon after a user name"},
        {":$7$101$c2FsdA==$" + hash, "the user name is empty"},
        {"u:", "the user has no password"},
        {"u:secret", "the password is not hashed"},
        {"u:$6$c2FsdA==$" + hash.substr(4), "the hash is not base64 of 64 bytes"},
        {"u:$6$c2FsdA==", "the hash is not base64 of 64 bytes"},
        {"u:$5$c2FsdA==$" + hash, "the hash is of another kind than $7$ and $6$"},
        {"u:$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
         "the hash is argon2id, which this program cannot check"},
        {"u:$7$", "the iterations are no number from 1 to 100000"},
        {"u:$7$0$c2FsdA==$" + hash, "the iterations are no number from 1 to 100000"},
        {"u:$7$100001$c2FsdA==$" + hash, "the iterations are no number from 1 to 100000"},
        {"u:$7$-1$c2FsdA==$" + hash, "the iterations are no number from 1 to 100000"},
        {"u:$7$1x$c2FsdA==$" + hash, "the iterations are no number from 1 to 100000"},
        {"u:$7$99999999999$c2FsdA==$" + hash, "the iterations are no number from 1 to 100000"},
        {"u:$7$101$$" + hash, "the salt is not base64 of 1 to 64 bytes"},
        {"u:$7$101$c2FsdA=$" + hash, "the salt is not base64 of 1 to 64 bytes"},
        {"u:$7$101$c2Fs!A==$" + hash, "the salt is not base64 of 1 to 64 bytes"},
        {"u:$7$101$c2FsdA==$", "the hash is not base64 of 64 bytes"},
        {"u:$7$101$c2FsdA==$c2FsdA==", "the hash is not base64 of 64 bytes"},
        {"u:$7$101$c2FsdA==$" + hash + " ", "the hash is not base64 of 64 bytes"},
        {"u:$7$101$c2FsdA==$" + hash + "\r", "the hash is not base64 of 64 bytes"},
        {good.substr(0, good.size() - 1), "the user is there twice"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.line);
        const auto parsed = PasswordFile::parse(good + row.line + "\n", "passwd");
        ASSERT_FALSE(parsed);
        ASSERT_EQ(parsed.error().size(), 1U);
        EXPECT_EQ(parsed.error().front().line, 2U);
        EXPECT_EQ(parsed.error().front().problem, row.problem);
    }
    const auto all = PasswordFile::parse("\n" + good + "x\ny\n", "passwd");
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().size(), 3U);
}

TEST(PasswordFile, RefusesAFileCutAnywhereInALine) {
    const std::string good{kByMosquitto};
    for (std::size_t cut = 1; cut + 1 < good.size(); ++cut) {
        EXPECT_FALSE(PasswordFile::parse(good.substr(0, cut), "passwd")) << cut;
    }
    EXPECT_TRUE(PasswordFile::parse(good.substr(0, good.size() - 1), "passwd")) << "no line end";
}

class PrivateFile : public testing::Test {
protected:
    PrivateFile() {
        std::string name = std::filesystem::temp_directory_path() / "firehose-test-XXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    ~PrivateFile() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator{folder_}, {}));
    }

    std::string folder_;
};

TEST(PasswordFile, NamesWhoLostThePasswordOfBefore) {
    PasswordFile before;
    for (const char* user : {"gone", "changed", "stays"}) EXPECT_EQ(before.set(user, "p"), "");
    PasswordFile now = before;
    EXPECT_TRUE(now.lost_since(before).empty());
    EXPECT_TRUE(now.erase("gone"));
    EXPECT_EQ(now.set("changed", "q"), "");
    EXPECT_EQ(now.set("new", "n"), "");
    EXPECT_EQ(now.lost_since(before), (std::set<std::string>{"changed", "gone"}));
}

TEST_F(PrivateFile, IsReplacedWholeAndForItsOwnerOnly) {
    const std::string path = folder_ + "/passwd";
    std::ofstream{path} << "old";
    std::filesystem::permissions(path, std::filesystem::perms{0644});
    ASSERT_FALSE(write_private_file(path, "new"));
    EXPECT_EQ(*read_file(path, 100), "new");
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms{0600});
    EXPECT_EQ(files(), 1U);
}

TEST_F(PrivateFile, LeavesNothingBehindWhenItCannotBeReplaced) {
    std::filesystem::create_directory(folder_ + "/passwd");
    EXPECT_TRUE(write_private_file(folder_ + "/passwd", "new"));
    EXPECT_TRUE(write_private_file(folder_ + "/missing/passwd", "new"));
    EXPECT_EQ(files(), 1U);
}

TEST_F(PrivateFile, IsReadOnlyUpToItsBound) {
    const std::string path = folder_ + "/f";
    ASSERT_FALSE(write_private_file(path, "12345"));
    EXPECT_TRUE(read_file(path, 5));
    EXPECT_FALSE(read_file(path, 4));
}

}  // namespace
}  // namespace firehose::config
