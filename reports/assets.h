/* reports/style.css and reports/page.js as they are in the program. */
#ifndef REPORTS_ASSETS_H
#define REPORTS_ASSETS_H

extern const char assets_style[];  /* NUL-terminated */
extern const char assets_script[];

#endif
