//! Projects for Maven that have nothing but dependencies.

use crate::Failure;

/// A project that depends on these `group:artifact:version`.
pub(crate) fn project(artifacts: &[&str], one_jar: bool) -> Result<String, Failure> {
    let mut dependencies = String::new();
    for artifact in artifacts {
        let parts: Vec<&str> = artifact.split(':').collect();
        let [group, name, version] = parts[..] else { return Err(format!("`{artifact}` is no Maven coordinate")) };
        dependencies += &format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
             <version>{version}</version></dependency>\n"
        );
    }
    let build = if one_jar { SHADE } else { "" };
    Ok(format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ferrobeam</groupId>
  <artifactId>engine</artifactId>
  <version>1</version>
  <dependencies>
{dependencies}  </dependencies>
{build}</project>
"#
    ))
}

/// Makes `engine.jar` of all dependencies. Lists of services and default settings are joined; signatures do not hold any more.
const SHADE: &str = r#"  <build><plugins><plugin>
    <artifactId>maven-shade-plugin</artifactId>
    <version>3.5.1</version>
    <executions><execution><phase>package</phase><goals><goal>shade</goal></goals><configuration>
      <outputFile>${project.basedir}/engine.jar</outputFile>
      <transformers>
        <transformer implementation="org.apache.maven.plugins.shade.resource.ServicesResourceTransformer"/>
        <transformer implementation="org.apache.maven.plugins.shade.resource.AppendingTransformer">
          <resource>reference.conf</resource>
        </transformer>
      </transformers>
      <filters><filter><artifact>*:*</artifact><excludes>
        <exclude>META-INF/*.SF</exclude>
        <exclude>META-INF/*.DSA</exclude>
        <exclude>META-INF/*.RSA</exclude>
        <exclude>module-info.class</exclude>
      </excludes></filter></filters>
    </configuration></execution></executions>
  </plugin></plugins></build>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_names_its_dependencies() {
        let project = project(&["org.slf4j:slf4j-simple:1.7.36"], false).unwrap();
        assert!(project.contains(
            "    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>\n"
        ));
        assert!(!project.contains("shade"));
        assert_eq!(super::project(&["slf4j"], true).unwrap_err(), "`slf4j` is no Maven coordinate");
    }
}
