package emulator

// ExampleSeed is the seed that azdo-emulator serves if none is given: one
// organization of a tenant, one of personal accounts, and one of each role.
const ExampleSeed = `{
  "tenants": [{"name": "contoso", "id": "6f9d3a52-41c8-4b7e-9d55-0c1f2a3b4c5d"}],
  "organizations": [
    {
      "name": "contoso",
      "tenant": "contoso",
      "projects": [
        {
          "name": "shop",
          "repositories": [
            {
              "name": "web",
              "files": {"README.md": "# Web\n\nThe shop's front end.\n", "src/main.txt": "hello\n"}
            },
            {
              "name": "core",
              "files": {"README.md": "# Core\n"},
              "protected": ["refs/heads/main", "refs/heads/release/*"]
            },
            {"name": "empty"}
          ]
        },
        {
          "name": "Internal Tools",
          "repositories": [{"name": "Build Scripts", "files": {"build.sh": "echo build\n"}}]
        }
      ]
    },
    {
      "name": "ada-at-home",
      "projects": [
        {
          "name": "notes",
          "visibility": "public",
          "repositories": [{"name": "notes", "files": {"README.md": "# Notes\n"}}]
        }
      ]
    }
  ],
  "users": [
    {
      "upn": "ada@contoso.com",
      "displayName": "Ada",
      "access": [
        {"on": "contoso", "role": "contributor"},
        {"on": "ada-at-home", "role": "administrator"}
      ]
    },
    {
      "upn": "rita@contoso.com",
      "displayName": "Rita",
      "access": [{"on": "contoso/shop", "role": "reader"}]
    },
    {
      "upn": "adam@contoso.com",
      "displayName": "Adam",
      "access": [{"on": "contoso", "role": "administrator", "allow": ["policyExempt"]}]
    }
  ]
}
`
