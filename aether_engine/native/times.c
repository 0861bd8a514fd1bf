/* Times as events have them. */

#include "native.h"

static int number_at(const uint8_t *at, int length) {
    int value = 0;
    for (int index = 0; index < length; index++) {
        if (at[index] < '0' || at[index] > '9')
            return -1;
        value = 10 * value + (at[index] - '0');
    }
    return value;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t days_until(int year, int month, int day) {
    year -= month <= 2;
    int era = year / 400, of_era = year - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + (of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468;
}

int read_time(Text text, int64_t *microseconds) {
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *at = text.at;
    size_t length = text.length;
    if (length < 20 || length == 21 || length > 30 || at[4] != '-' || at[7] != '-' || at[10] != 'T' ||
        at[13] != ':' || at[16] != ':' || at[length - 1] != 'Z')
        return 0;
    int year = number_at(at, 4), month = number_at(at + 5, 2), day = number_at(at + 8, 2);
    int hour = number_at(at + 11, 2), minute = number_at(at + 14, 2), second = number_at(at + 17, 2);
    if (year < 1970 || year > 2110 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59)
        return 0;
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (month == 2 && is_leap))
        return 0;
    int64_t fraction = 0;
    if (length > 20) {
        if (at[19] != '.')
            return 0;
        for (size_t index = 20, factor = 100000; index < length - 1; index++, factor /= 10) {
            if (at[index] < '0' || at[index] > '9')
                return 0;
            fraction += (int64_t)(factor * (at[index] - '0'));
        }
    }
    int64_t seconds = ((days_until(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    *microseconds = seconds * 1000000 + fraction;
    return 1;
}
